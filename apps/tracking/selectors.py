"""Reads: what a server was not told yet."""

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.core import clock
from apps.registry.models import Alias, RegisteredModel
from apps.tracking.models import TrackedModel, TrackedRun
from apps.training.models import TrainingCampaign

Status = TrainingCampaign.Status
ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


def unsent(server: str, *, since: datetime | None = None, at_once: bool = False) -> QuerySet[TrainingCampaign]:
    """Return the ended campaigns of live models that a server was not told of, in the order in which they ended.

    Those that failed to be sent wait until their turn, unless they are asked for `at_once`.
    """
    done = Q(sent_at__isnull=False) if at_once else Q(sent_at__isnull=False) | Q(next_at__gt=clock.now())
    told = TrackedRun.objects.filter(done, server=server, campaign=OuterRef("pk"))
    ended = TrainingCampaign.objects.filter(~Exists(told), status__in=ENDED, model__archived_at__isnull=True)
    if since is not None:
        ended = ended.filter(finished_at__gte=since)
    return ended.order_by("finished_at", "created_at", "pk")


def models_to_send(server: str, *, since: datetime | None = None, at_once: bool = False) -> list[UUID]:
    """Return the ids of models of which something is to be sent: a campaign, or an alias that moved."""
    waiting = unsent(server, since=since, at_once=at_once).order_by("model_id").values_list("model_id", flat=True).distinct()
    found = dict.fromkeys([*waiting, *_moved(server)])
    if not at_once:
        held_back = TrackedModel.objects.filter(server=server, next_at__gt=clock.now()).values_list("model_id", flat=True)
        for model_id in held_back:
            found.pop(model_id, None)
    return list(found)


def aliases_now(server: str, model_id: UUID) -> dict[str, str]:
    """Return which version each alias points at now, as the server numbers them; one that it was not told of is left out."""
    spans = dict(Alias.objects.filter(model_id=model_id, until__isnull=True).values_list("name", "version__campaign_id"))
    numbers = _numbers(server, list(spans.values()))
    return {name: numbers[campaign] for name, campaign in spans.items() if campaign in numbers}


def _numbers(server: str, campaigns: list[UUID]) -> dict[UUID, str]:
    told = TrackedRun.objects.filter(server=server, campaign_id__in=campaigns).exclude(version="")
    return dict(told.values_list("campaign_id", "version"))


def _moved(server: str) -> list[UUID]:
    """Return the models whose aliases stand otherwise than the server was told."""
    tracked = TrackedModel.objects.filter(server=server, model__archived_at__isnull=True).exclude(name="")
    told = dict(tracked.values_list("model_id", "aliases"))
    now: dict[UUID, dict[str, UUID]] = {model_id: {} for model_id in told}
    spans = Alias.objects.filter(
        until__isnull=True, model__in=RegisteredModel.objects.filter(pk__in=tracked.values("model_id"))
    )
    for model_id, name, campaign in spans.values_list("model_id", "name", "version__campaign_id"):
        now[model_id][name] = campaign
    numbers = _numbers(server, [campaign for named in now.values() for campaign in named.values()])
    as_told = {
        model_id: {name: numbers[one] for name, one in named.items() if one in numbers} for model_id, named in now.items()
    }
    return [model_id for model_id in told if told[model_id] != as_told[model_id]]
