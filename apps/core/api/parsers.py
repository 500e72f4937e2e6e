"""JSON as the platform reads it: bounded, finite, and free of what a database cannot hold."""

from collections.abc import Mapping
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
        _refuse_nul(parsed, "")
    return parsed


def _refuse_nul(value: Any, pointer: str) -> None:
    if isinstance(value, str) and "\0" in value:
        raise UnreadableRequest("A text holds a NUL character.", [Problem(pointer, "nul", "Remove the NUL character.")])
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_nul(name, pointer)
            _refuse_nul(inner, f"{pointer}/{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_nul(inner, f"{pointer}/{index}")


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
