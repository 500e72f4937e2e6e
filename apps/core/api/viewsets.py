"""Views that read their whole query: a parameter that nobody reads is refused, never ignored."""

from collections.abc import Collection
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.viewsets import GenericViewSet

from apps.core.api.pagination import PAGES
from apps.core.errors import InvalidInput, Problem
from apps.core.names import LONGEST, words_for_unknown


class KnownQueriesOnly(GenericViewSet[Any]):
    """Refuse a parameter that the action does not read: a misspelt filter must not answer with everything.

    `queries` names what each action reads itself. A `list` is paged, and takes what its filters and its ordering take.
    """

    queries: ClassVar[dict[str, tuple[str, ...]]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the caller, then the names in the query."""
        super().initial(request, *args, **kwargs)
        _refuse_unknown(request, self.known_queries())

    def known_queries(self) -> set[str]:
        """Return the names that the action in hand reads."""
        known = set(self.queries.get(self.action, ()))
        if self.action == "list":
            filters = getattr(getattr(self, "filterset_class", None), "base_filters", ())
            known |= {*PAGES, *filters} | ({"ordering"} if getattr(self, "ordering_fields", None) else set())
        return known


def _refuse_unknown(request: Request, known: Collection[str]) -> None:
    unknown = request.query_params.keys() - known - {api_settings.URL_FORMAT_OVERRIDE}  # which the framework reads itself
    problems = [
        Problem(name[:LONGEST], "unknown_parameter", words_for_unknown(name, "query parameter", known))
        for name in sorted(unknown)
    ]
    if problems:
        raise InvalidInput(problems[0].detail, problems)
