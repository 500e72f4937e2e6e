"""JSON as the platform reads it: bounded, finite, and free of what a database cannot hold."""

from collections.abc import Iterable, Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser

from apps.core.errors import Problem, TooLarge, UnreadableRequest

_NESTING: frozenset[type] = frozenset({dict, list})


class StrictJSONParser(BaseParser):
    """Parse `application/json`; refuse NaN, NUL, lone surrogates, deep nesting and bodies over `JSON_MAX_BYTES`."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the parsed body; an empty body is an empty object."""
        body = stream.read(settings.JSON_MAX_BYTES + 1)
        return parse_json(body)


def parse_json(body: bytes) -> Any:
    """Parse a JSON body under the platform's limits."""
    parsed = parse_json_of_any_depth(body)
    _refuse_depth(body, parsed)
    return parsed


def parse_json_of_any_depth(body: bytes) -> Any:
    """Parse a JSON body for a reader that refuses nested values itself."""
    if len(body) > settings.JSON_MAX_BYTES:
        limit = settings.JSON_MAX_BYTES // 1024**2
        raise TooLarge(f"The body is larger than {limit} MiB. Send fewer rows at once, or a batch prediction of a dataset.")
    if not body.strip():
        return {}
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UnreadableRequest(f"The body is not valid JSON ({where}): {error.msg}.") from error
    if b"\\u0000" in body:
        _refuse_depth(body, parsed)  # first: the search below goes down by recursion
        _refuse_nul(parsed)
    return parsed


def _refuse_nul(parsed: Any) -> None:
    way = _way_to_nul(parsed)
    if way is not None:
        pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in way)
        raise UnreadableRequest("A text holds a NUL character.", [Problem(pointer, "nul", "Remove the NUL character.")])


def _way_to_nul(value: Any) -> list[str] | None:
    """Return the steps to the first text that holds NUL (to the object, when it is a name), None without one."""
    if type(value) is str:
        return [] if "\0" in value else None
    if type(value) is dict:
        if any("\0" in name for name in value):
            return []
        pairs: Iterable[tuple[Any, Any]] = value.items()
    else:
        pairs = enumerate(value) if type(value) is list else ()
    for step, inner in pairs:
        way = _way_to_nul(inner)
        if way is not None:
            return [str(step), *way]
    return None


def _refuse_depth(body: bytes, parsed: Any) -> None:
    limit = settings.JSON_MAX_DEPTH
    if body.count(b"[") + body.count(b"{") <= limit:
        return
    level = _containers([parsed])
    for _ in range(limit):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return
    raise UnreadableRequest(f"The body is nested more than {limit} levels deep.")


def _containers(outer: dict[str, Any] | list[Any]) -> list[Any]:
    inner = outer.values() if type(outer) is dict else outer
    if _NESTING.isdisjoint(map(type, inner)):  # the usual row, at the speed of C
        return []
    return [value for value in inner if type(value) in _NESTING]
