"""The base of every API view: rows scoped to the caller, and an act declared for each action or no access at all."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, ClassVar, cast
from uuid import UUID

from django import db
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.viewsets import KnownQueriesOnly
from apps.core.errors import Conflict, Forbidden, NotFound, PlatformError
from apps.core.permissions import Act
from apps.workspaces.access import Access
from apps.workspaces.api import idempotency
from apps.workspaces.attempts import Attempt
from apps.workspaces.models import IdempotencyRecord

logger = logging.getLogger(__name__)
_NONE: frozenset[str] = frozenset()


class ScopedViewSet(KnownQueriesOnly):
    """Serve one kind of object to members of its workspace.

    A subclass sets `queryset` (its model has `workspace_path` and a `ScopedQuerySet` manager) and `acts`, which names
    the act that each DRF action needs. An action that is not named answers 403 to everybody, and so does one that never
    checked its act in a workspace (`get_object`, `access.require`; for `Act.READ` a scoped query is enough): deny by
    default. `callers_own` names the actions that touch nothing but the caller's own things; `waits`, `repeatable` and
    `secret` say how an `Idempotency-Key` is honoured (see `idempotency`).
    """

    acts: ClassVar[dict[str, Act]] = {}
    callers_own: ClassVar[frozenset[str]] = _NONE
    waits: ClassVar[frozenset[str]] = _NONE
    repeatable: ClassVar[frozenset[str]] = _NONE
    secret: ClassVar[frozenset[str]] = _NONE
    lookup_value_converter = "uuid"
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    request: Request
    attempt: Attempt | None = None

    @cached_property
    def access(self) -> Access:
        """The caller's reach, which notes what this request checks."""
        return replace(cast("Access", self.request.auth), passed=set())

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the caller and the query, then look whether this is a retry that has its answer already."""
        super().initial(request, *args, **kwargs)
        self.attempt = idempotency.attempt_of(request)
        if self.attempt is not None:
            handler = partial(self._first_time, self.attempt, getattr(self, str(request.method).lower()))
            setattr(self, str(request.method).lower(), handler)

    def _first_time(self, attempt: Attempt, handler: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        work = partial(handler, *args, **kwargs)
        if self.action in self.waits:
            return idempotency.beside_a_wait(attempt, work, self.get_queryset().model)
        if self.action in self.repeatable:
            return idempotency.answer_first(attempt, work, self._workspace_of_act)
        return idempotency.in_one_transaction(attempt, work, self._workspace_of_act, secret=self.action in self.secret)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a retry with the first answer, an error with its problem, which is kept when it is a refusal."""
        try:
            return self._again(exc.record) if isinstance(exc, idempotency.Replay) else self._refused(exc)
        except idempotency.Replay as replay:
            return self.handle_exception(replay)
        except (PlatformError, db.Error) as error:
            return super().handle_exception(error)

    def _refused(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if self.attempt is not None and idempotency.is_kept(response):
            idempotency.keep(self.attempt, response, self._workspace_of_act())
        return response

    def _again(self, record: IdempotencyRecord) -> Response:
        act = self.acts[self.action]
        if record.workspace_id is not None:
            self.access.require(act, record.workspace_id)
        else:
            self.access.passed.add((act, None))  # this caller's own answer, of no one workspace
        if record.status is None and self.action in self.waits:
            return self._as_it_stands(record)
        if record.answer is None:
            raise Conflict(
                "The first request with this idempotency key did its work, and its answer is kept nowhere: it showed a secret,"
                " or data were erased since. Revoke what it made if that answer is lost, and make another with a new idempotency key."
            )
        return idempotency.replayed(record)

    def _as_it_stands(self, record: IdempotencyRecord) -> Response:
        pk = record.target_id or self.kwargs["pk"]
        self.action, self.kwargs = "retrieve", {"pk": pk}
        response: Response = self.retrieve(self.request, pk=pk)  # type: ignore[attr-defined]  # a view that waits has one
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Hold back the answer of an action that forgot to check its caller."""
        if response.status_code < 400 and not self._is_checked():
            logger.error("%s.%s never checked its act in a workspace; closed.", type(self).__name__, self.action)
            response.close()
            response = super().handle_exception(Forbidden("This route does not check who may use it, so nobody may."))
        return super().finalize_response(request, response, *args, **kwargs)

    def _is_checked(self) -> bool:
        act = self.acts.get(self.action)
        return self.action in self.callers_own or any(passed == act for passed, _ in self.access.passed)

    def _workspace_of_act(self) -> UUID | None:
        workspaces = {workspace for act, workspace in self.access.passed if workspace and act == self.acts[self.action]}
        return workspaces.pop() if len(workspaces) == 1 else None

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
