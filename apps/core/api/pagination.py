"""Pages of lists: `?page=`, `?page_size=` up to 200."""

from rest_framework import pagination


class PageNumberPagination(pagination.PageNumberPagination):
    """Answer `{"count", "next", "previous", "results"}`; a page that does not exist is a 404."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
