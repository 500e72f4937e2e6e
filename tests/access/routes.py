"""Every HTTP route there is, as the resolver knows it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLResolver, get_resolver

_NAMED = re.compile(r"<(?:\w+:)?(\w+)>")
_API, _ADMIN = ("/api/v1/", "/v2/"), "/admin/"
_REGULAR = {"admin:app_list": "/admin/workspaces/", "/admin/(?P<url>.*)$": "/admin/nowhere"}  # not made of converters


@dataclass(frozen=True)
class Route:
    """One route; `name` carries its namespaces, and is the pattern where there is no name."""

    name: str
    pattern: str
    view: Any
    converters: dict[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def is_api(self) -> bool:
        return self.pattern.startswith(_API)

    @property
    def is_admin(self) -> bool:
        return self.pattern.startswith(_ADMIN)

    @property
    def is_page(self) -> bool:
        return self.name.startswith("dashboard:")

    def address(self, named: dict[str, Any]) -> str:
        """Return the address with these values in it."""
        return _REGULAR.get(self.name) or _NAMED.sub(lambda found: str(named[found[1]]), self.pattern)


def routes(resolver: Any = None, before: str = "/", spaces: str = "") -> Iterator[Route]:
    """Walk the resolver."""
    for item in (resolver or get_resolver()).url_patterns:
        pattern = before + str(item.pattern)
        if isinstance(item, URLResolver):
            yield from routes(item, pattern, f"{spaces}{item.namespace}:" if item.namespace else spaces)
        else:
            name = f"{spaces}{item.name}" if item.name else pattern
            yield Route(name, pattern, item.callback, item.pattern.converters)


ROUTES = list(routes())
