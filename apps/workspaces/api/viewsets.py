"""The base of every API view: rows scoped to the caller, and an act declared for each action or no access at all."""

from typing import Any, ClassVar, cast
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apps.core.errors import NotFound
from apps.core.permissions import Act
from apps.workspaces.access import Access
from apps.workspaces.api import idempotency
from apps.workspaces.models import IdempotencyRecord


class Replay(Exception):
    """Carries a stored answer out of `initial`."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


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
        access: Access = cast("Access", self.request.auth)
        return access

    first_attempt: IdempotencyRecord | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the caller, then look whether this is a retry that has its answer already."""
        super().initial(request, *args, **kwargs)
        found = idempotency.begin(request)
        if isinstance(found, Response):
            raise Replay(found)
        self.first_attempt = found

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a retry with the first answer, an error with its problem."""
        return exc.response if isinstance(exc, Replay) else super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep the answer of a first attempt."""
        if self.first_attempt is not None:
            idempotency.finish(self.first_attempt, response)
        return super().finalize_response(request, response, *args, **kwargs)

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
    return value if isinstance(value, UUID) else value.pk
