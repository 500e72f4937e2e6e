"""Pages of lists: `?page=`, `?page_size=` up to 200."""

from typing import Any

from rest_framework import pagination
from rest_framework.request import Request

from apps.core.api.queries import whole_number

PAGES = ("page", "page_size")


class PageNumberPagination(pagination.PageNumberPagination):
    """Answer `{"count", "next", "previous", "results"}`; a page that does not exist is a 404."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    page_query_description = "Which page, from 1."
    page_size_query_description = "How many rows a page has; more than 200 give 200."

    def get_page_size(self, request: Request) -> int:
        """Return how many rows a page has."""
        return min(whole_number(request, "page_size", least=1) or self.page_size, self.max_page_size)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe both as numbers from 1."""
        described = super().get_schema_operation_parameters(view)
        return [{**parameter, "schema": {"type": "integer", "minimum": 1}} for parameter in described]

    def get_page_number(self, request: Request, paginator: Any) -> int:
        """Return which page is meant; the last one has a name of its own."""
        if request.query_params.get("page") in self.last_page_strings:
            return int(paginator.num_pages)
        return 1 if (number := whole_number(request, "page")) is None else number
