"""Reads that join the apps below into pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from apps.core import clock
from apps.dashboard.words import METRICS, NEUTRAL, REMARKS, SMALLER_IS_BETTER
from apps.datasets.models import Dataset, DatasetVersion
from apps.predictions.models import PredictionLog
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import champion_of, models_of, reasons_to_retrain
from apps.training.models import TrainingCampaign

DAYS = 7
_RUNNING = (TrainingCampaign.Status.PENDING, TrainingCampaign.Status.TRAINING)


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of a version beside its baseline; `verdict` is "better", "worse" or ""."""

    code: str
    label: str
    ours: float
    trivial: float | None
    verdict: str
    is_main: bool


    remark: str = ""
def scores_of(version: ModelVersion) -> list[Score]:
    """Return the metrics of a version, the main one first."""
    main = version.evaluation.get("main")
    baseline = version.baseline.get("metrics", {})
    scores = []
    for code, ours in version.metrics.items():
        trivial = baseline.get(code)
        verdict = ""
        if trivial is not None and ours is not None and code not in NEUTRAL and ours != trivial:
            verdict = "better" if (ours > trivial) != (code in SMALLER_IS_BETTER) else "worse"
        label, remark = str(METRICS.get(code, code)), str(REMARKS.get(code, ""))
        scores.append(Score(code, label, ours, trivial, verdict, code == main, remark))
    return sorted(scores, key=lambda score: not score.is_main)


def model_rows(models: Iterable[RegisteredModel]) -> list[dict[str, Any]]:
    """Return each of these models with its champion and the champion's main score."""
    shown = list(models)
    running = TrainingCampaign.objects.filter(model__in=shown, status__in=_RUNNING)
    training = set(running.values_list("model_id", flat=True))
    rows = []
    for model in shown:
        champion = champion_of(model)
        scores = scores_of(champion) if champion else []
        rows.append(
            {"model": model, "champion": champion, "score": scores[0] if scores else None, "training": model.pk in training}
        )
    return rows


def summary_of(workspace_ids: list[UUID]) -> dict[str, Any]:
    """Return the dashboard's figures, as API.md names them."""
    models = list(models_of(workspace_ids))
    running = TrainingCampaign.objects.in_workspaces(workspace_ids).filter(status__in=_RUNNING, model__archived_at=None)
    training = running.values("model_id").distinct().count()
    kinds = RegisteredModel.objects.in_workspaces(workspace_ids).filter(archived_at=None)
    ready = [model for model in models if champion_of(model)]
    return {
        "summary": {
            "total_models": len(models),
            "active_models": len(models),
            "ready_models": len(ready),
            "training_models": training,
            "needs_retraining": sum(bool(reasons_to_retrain(model)) for model in ready),
        },
        "models_by_type": dict(kinds.order_by("algorithm").values_list("algorithm").annotate(Count("pk"))),
    }


def prediction_days(workspace_ids: list[UUID]) -> list[tuple[Any, int]]:
    """Return the rows predicted on each of the last seven days, today last."""
    today = timezone.localdate(clock.now())
    first = today - timedelta(days=DAYS - 1)
    logs = PredictionLog.objects.in_workspaces(workspace_ids).filter(at__date__gte=first)
    found = dict(logs.order_by().annotate(day=TruncDate("at")).values_list("day").annotate(Sum("row_count")))
    days = [first + timedelta(days=i) for i in range(DAYS)]
    return [(day, found.get(day, 0)) for day in days]


def archived_models(workspace_ids: list[UUID]) -> QuerySet[RegisteredModel]:
    """Return the archived models of these workspaces, the last archived first."""
    found = RegisteredModel.objects.in_workspaces(workspace_ids).filter(archived_at__isnull=False)
    return found.select_related("workspace").order_by("-archived_at")


def archived_datasets(workspace_ids: list[UUID]) -> QuerySet[Dataset]:
    """Return the archived data sets of these workspaces, the last archived first."""
    return Dataset.objects.in_workspaces(workspace_ids).filter(archived_at__isnull=False).order_by("-archived_at")
