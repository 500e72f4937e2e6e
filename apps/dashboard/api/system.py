"""How the platform is, for owners of a workspace and for staff."""

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.permissions import Act, Scope
from apps.core.system import look
from apps.registry.models import RegisteredModel
from apps.workspaces.access import Access
from apps.workspaces.api.viewsets import ScopedViewSet

_TEXT, _WHOLE = serializers.CharField, serializers.IntegerField


def _rows(kind: str, /, **fields: Any) -> Any:
    return inline_serializer(kind, fields, many=True)


_BODY = inline_serializer(
    "System",
    {
        "well": serializers.BooleanField(),
        "parts": _rows(
            "Part", part=_TEXT(), well=serializers.BooleanField(), detail=_TEXT(), advice=_TEXT(allow_blank=True)
        ),
        "queues": _rows(
            "Queue", name=_TEXT(), depth=_WHOLE(allow_null=True), oldest_seconds=serializers.FloatField(allow_null=True)
        ),
        "workers": _rows(
            "Worker",
            name=_TEXT(),
            pid=_WHOLE(),
            queues=serializers.ListField(child=_TEXT()),
            at_once=_WHOLE(),
            done=_WHOLE(),
        ),
        "beat_sent_at": serializers.DateTimeField(allow_null=True),
        "schedule": _rows(
            "Scheduled",
            name=_TEXT(),
            on=serializers.BooleanField(),
            last_run=serializers.DateTimeField(allow_null=True),
            next_run=serializers.DateTimeField(allow_null=True),
        ),
        "disks": _rows("Disk", store=_TEXT(), free_bytes=_WHOLE(), total_bytes=_WHOLE()),
        "database_bytes": _WHOLE(allow_null=True),
        "broker": inline_serializer(
            "Broker",
            {"version": _TEXT(), "memory_bytes": _WHOLE(), "limit_bytes": _WHOLE(), "policy": _TEXT()},
            allow_null=True,
        ),
        "versions": serializers.DictField(child=_TEXT()),
    },
)


def may_see_the_system(access: Access) -> bool:
    """Say whether a caller is staff, or owns a workspace, and their key reaches as far."""
    if access.user.is_staff and access.scope == Scope.ADMIN:
        return True
    return any(access.may(Act.ADMINISTER, workspace_id) for workspace_id in access.roles)


class SystemViewSet(ScopedViewSet):
    """Queues, workers, schedule, disks, broker and versions; of no workspace."""

    queryset = RegisteredModel.objects.all()
    filter_backends = []
    acts: ClassVar[dict[str, Act]] = {"retrieve": Act.ADMINISTER}

    @extend_schema(responses=_BODY)
    def retrieve(self, request: Request) -> Response:
        """Return how the platform is, and what to do about each part that is not well; for owners and staff."""
        if not may_see_the_system(self.access):
            raise self.access.refusal(Act.ADMINISTER, list(self.access.roles.values()))
        self.access.passed.add((Act.ADMINISTER, None))
        now = look()
        return Response(
            {
                "well": now.is_well,
                "parts": [
                    {
                        "part": one.part,
                        "well": one.is_well,
                        "detail": one.detail,
                        "advice": "" if one.is_well else one.advice,
                    }
                    for one in now.findings
                ],
                "queues": [{"name": q.name, "depth": q.depth, "oldest_seconds": q.oldest_seconds} for q in now.queues],
                "workers": [
                    {"name": w.name, "pid": w.pid, "queues": list(w.queues), "at_once": w.at_once, "done": w.done}
                    for w in now.workers
                ],
                "beat_sent_at": now.beat_sent_at,
                "schedule": [
                    {"name": task.name, "on": task.is_on, "last_run": task.last_run, "next_run": task.next_run}
                    for task in now.schedule
                ],
                "disks": [{"store": d.of, "free_bytes": d.free_bytes, "total_bytes": d.total_bytes} for d in now.disks],
                "database_bytes": now.database_bytes,
                "broker": None if now.broker is None else asdict(now.broker),
                "versions": now.versions,
            }
        )
