"""HTTP doors of training."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.pagination import PAGES
from apps.core.api.queries import ChoiceFilter, whole_number
from apps.core.api.renderers import dump_json
from apps.core.permissions import Act
from apps.registry.models import RegisteredModel
from apps.training import actions
from apps.training.api.live import Snapshot, follow
from apps.training.api.serializers import CampaignSerializer, TrainSerializer, TrialSerializer
from apps.training.models import TrainingCampaign
from apps.training.selectors import (
    campaign_as_json,
    campaigns_of,
    event_as_json,
    events_after,
    leaderboard_of,
    trial_as_json,
    version_to_train_on,
)
from apps.workspaces.api.viewsets import ScopedViewSet

_HEARTBEAT_SECONDS = 15.0
_STREAMED = inline_serializer(
    "StreamedEvent", {"id": serializers.CharField(), "event": serializers.CharField(), "data": serializers.CharField()}
)


class TrainViewSet(ScopedViewSet):
    """Start trainings of a model."""

    queryset = RegisteredModel.objects.filter(archived_at__isnull=True).select_related("workspace")
    filter_backends = []
    acts: ClassVar[dict[str, Act]] = {"train": Act.TRAIN}

    @extend_schema(request=TrainSerializer, responses={202: CampaignSerializer})
    def train(self, request: Request, pk: UUID) -> Response:
        """Queue a training and answer at once with the campaign that tracks it."""
        model = self.get_object()
        given = TrainSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        campaign = actions.start_campaign(
            model=model,
            dataset_version=version_to_train_on(model, fields["dataset"]),
            parameters=fields["parameters"],
            name=fields["name"],
            seed=fields["seed"],
            search=fields["search"],
            feedback=fields["feedback"],
            actor=self.access.actor,
        )
        location = {"Location": f"/api/v1/campaigns/{campaign.pk}/"}
        return Response(campaign_as_json(campaign), status.HTTP_202_ACCEPTED, headers=location)


class CampaignFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?model=`, `?status=`, `?workspace=`."""

    model = filters.UUIDFilter(field_name="model_id")
    workspace = filters.UUIDFilter(field_name="model__workspace_id")
    status = ChoiceFilter(choices=TrainingCampaign.Status.choices)

    class Meta:
        model = TrainingCampaign
        fields: ClassVar[list[str]] = ["model", "workspace", "status"]


class CampaignViewSet(ScopedViewSet):
    """Watch and cancel trainings."""

    queryset = TrainingCampaign.objects.all()
    serializer_class = CampaignSerializer
    filterset_class = CampaignFilter
    ordering_fields: ClassVar[list[str]] = ["created_at", "finished_at"]
    queries: ClassVar[dict[str, tuple[str, ...]]] = {"events": ("after",), "trials": PAGES}
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "retrieve": Act.READ,
        "events": Act.READ,
        "cancel": Act.TRAIN,
        "trials": Act.READ,
    }

    def get_queryset(self) -> QuerySet[Any]:
        """Return the caller's campaigns."""
        if getattr(self, "swagger_fake_view", False):
            return TrainingCampaign.objects.none()
        return campaigns_of(self.access.workspace_ids)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Let `Accept: text/event-stream` through to the events, which answer it by themselves."""
        return super().perform_content_negotiation(request, force=force or self.action == "events")

    def list(self, request: Request) -> Response:
        """List campaigns, newest first, without their curves."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([campaign_as_json(campaign, with_history=False) for campaign in page or []])

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one campaign with its curve."""
        return Response(campaign_as_json(self.get_object()))

    @extend_schema(request=None, responses=CampaignSerializer)
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Stop a campaign."""
        return Response(campaign_as_json(actions.cancel_campaign(campaign=self.get_object(), actor=self.access.actor)))

    @extend_schema(responses=TrialSerializer(many=True), filters=False)
    def trials(self, request: Request, pk: UUID) -> Response:
        """List what a campaign's search has tried, best first; nothing where it searches nothing."""
        page = self.paginate_queryset(leaderboard_of(self.get_object()))
        return self.get_paginated_response([trial_as_json(trial) for trial in page or []])

    @extend_schema(
        parameters=[OpenApiParameter("after", int), OpenApiParameter("Last-Event-ID", int, OpenApiParameter.HEADER)],
        responses={(200, "text/event-stream"): _STREAMED, (200, "application/json"): OpenApiTypes.OBJECT},
    )
    def events(self, request: Request, pk: UUID) -> StreamingHttpResponse | Response:
        """Stream the campaign as server-sent events; asked for JSON, list the events of the log instead."""
        campaign = self.get_object()
        after = _last_seen(request)
        if "application/json" in request.headers.get("Accept", ""):
            return Response({"results": [event_as_json(event) for event in events_after(campaign.pk, max(after, 0))]})
        answer = StreamingHttpResponse(_stream(campaign.pk, after), content_type="text/event-stream")
        answer["Cache-Control"] = "no-cache"
        answer["X-Accel-Buffering"] = "no"
        return answer


def _last_seen(request: Request) -> int:
    """Return the number of the newest event that the caller has; a browser says it in a header when it comes back."""
    told = request.headers.get("Last-Event-ID", "")
    if told.isdecimal() and len(told) < 12:
        return int(told)
    after = whole_number(request, "after")
    return -1 if after is None else after


async def _stream(campaign_id: UUID, after: int) -> AsyncIterator[bytes]:
    """Give server-sent events, and a comment every 15 s so that proxies keep the line open."""
    snapshots = follow(campaign_id, after)
    waiting: asyncio.Future[Snapshot] = asyncio.ensure_future(anext(snapshots))
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=_HEARTBEAT_SECONDS)
            if not done:
                yield b": still here\n\n"
                continue
            try:
                found = waiting.result()
            except StopAsyncIteration:
                return
            yield b"id: %d\nevent: campaign\ndata: %s\n\n" % (found.seq, dump_json(found.body))
            waiting = asyncio.ensure_future(anext(snapshots))
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await snapshots.aclose()  # type: ignore[attr-defined]  # follow is an async generator
