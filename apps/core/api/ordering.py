"""`?ordering=`: only the fields a view names."""

from typing import Any

from rest_framework.filters import OrderingFilter
from rest_framework.request import Request

from apps.core.errors import InvalidInput, Problem


class StrictOrdering(OrderingFilter):
    """Refuse a field that the view does not list in `ordering_fields`, naming those it does."""

    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Request) -> list[str]:
        """Return the wanted ordering, or raise a 422 that names the field."""
        allowed = [name for name, _ in self.get_valid_fields(queryset, view, {"request": request})]
        for term in fields:
            if term.removeprefix("-") not in allowed:
                choices = ", ".join(allowed) or "nothing"
                raise InvalidInput(
                    f"This list cannot be ordered by {term!r}.",
                    [Problem("ordering", "unknown_field", f"Order by one of: {choices}.")],
                )
        return list(fields)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the fields that the view lists; nothing where it lists none."""
        names = getattr(view, "ordering_fields", [])
        if not names:
            return []
        term = f"-?({'|'.join(names)})"
        words = f"By which fields, with commas between them: {', '.join(names)}. A - before a field turns it round."
        schema = {"type": "string", "pattern": f"^{term}(,{term})*$"}
        return [{"name": self.ordering_param, "in": "query", "required": False, "description": words, "schema": schema}]

    def get_default_valid_fields(self, queryset: Any, view: Any, context: Any = None) -> list[tuple[str, str]]:
        """Allow nothing unless the view names it."""
        return []
