"""The base of every API view: rows scoped to the caller, and an act declared for each action or no access at all."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from apps.core.errors import NotFound
from apps.core.permissions import Act
from apps.workspaces.access import Access


class ScopedViewSet(GenericViewSet[Any]):
    """Serve one kind of object to members of its workspace.

    A subclass sets `queryset` (its model has `workspace_path` and a `ScopedQuerySet` manager) and `acts`, which names
    the act that each DRF action needs. An action that is not named answers 403 to everybody: deny by default.
    """

    acts: ClassVar[dict[str, Act]] = {}
    lookup_value_converter = "uuid"
    request: Request

    @property
    def access(self) -> Access:
        """The caller's reach."""
        access: Access = self.request.auth
        return access

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows of the caller's workspaces only."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset().none()
        return super().get_queryset().in_workspaces(self.access.workspace_ids)  # type: ignore[attr-defined, no-any-return]

    def get_object(self) -> Any:
        """Return the row named in the URL, or 404; its workspace is checked against the action's act."""
        found = self.get_queryset().filter(pk=self.kwargs[self.lookup_url_kwarg or self.lookup_field]).first()
        if found is None:
            raise NotFound
        self.access.require(self.acts[self.action], workspace_of(found))
        return found


def workspace_of(row: Any) -> UUID:
    """Return the id of the workspace that owns `row`, along its model's `workspace_path`."""
    path: str = getattr(type(row), "workspace_path", "workspace")
    value = row
    for part in path.split("__"):
        value = getattr(value, part)
    return value if isinstance(value, UUID) else value.pk  # type: ignore[no-any-return]
