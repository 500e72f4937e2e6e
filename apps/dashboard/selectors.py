"""Reads that join the apps below into pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Sum, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from apps.algorithms import catalog
from apps.algorithms.choice import AUTO, choice_of
from apps.algorithms.hyperparameters import Hyperparameter
from apps.algorithms.schema import Task
from apps.core import clock
from apps.core.errors import InvalidInput
from apps.dashboard.figures import figure
from apps.dashboard.words import METRICS, NEUTRAL, REMARKS, SMALLER_IS_BETTER, translated
from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.selectors import latest_ready_version, latest_version
from apps.predictions.models import BatchPrediction, PredictionLog
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import NO_BETTER, champion_of, reasons_to_retrain
from apps.training.models import TrainingCampaign
from apps.training.selectors import campaigns_of

DAYS = 7
MOST_CHOICES = 100  # in a list to choose from: the newest
_NAMES = 4
_RUNNING = (TrainingCampaign.Status.PENDING, TrainingCampaign.Status.TRAINING)


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of a version beside its baselines, with its interval; `verdict`: "better" than both, "worse" than the trivial one, or ""."""

    code: str
    label: str
    ours: float
    trivial: float | None
    verdict: str
    is_main: bool
    remark: str = ""
    low: float | None = None
    high: float | None = None
    linear: float | None = None


def scores_of(version: ModelVersion) -> list[Score]:
    """Return the metrics of a version, the main one first."""
    main = version.evaluation.get("main")
    baseline = version.baseline.get("metrics", {})
    intervals = version.evaluation.get("intervals", {}).get("metrics", {})
    beside = {one["kind"]: one["metrics"] for one in version.evaluation.get("baselines", [])}
    scores = []
    for code, ours in version.metrics.items():
        trivial, linear = baseline.get(code), beside.get("linear", {}).get(code)
        verdict = _beside(code, ours, trivial, linear)
        label, remark = str(METRICS.get(code, code)), str(REMARKS.get(code, ""))
        low, high = intervals.get(code, (None, None))
        scores.append(Score(code, label, ours, trivial, verdict, code == main, remark, low, high, linear))
    return sorted(scores, key=lambda score: not score.is_main)


def _beside(code: str, ours: float | None, trivial: float | None, linear: float | None) -> str:
    """Say "better" of what beats both baselines, "worse" of what the trivial one beats."""
    if ours is None or trivial is None or code in NEUTRAL or figure(ours) == figure(trivial):
        return ""
    known = [one for one in (trivial, linear) if one is not None]
    beaten = [(ours > one) != (code in SMALLER_IS_BETTER) for one in known]
    return "worse" if not beaten[0] else "better" if all(beaten) else ""


def named_parameters(algorithm: str, parameters: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return parameters by the names that the forms give them; by their own where the algorithm is gone."""
    titles = {parameter.name: translated(parameter.title) for parameter in hyperparameters_of(algorithm)}
    return [(titles.get(name, name), translated(v) if isinstance(v, str) else v) for name, v in parameters.items()]


def hyperparameters_of(algorithm: str) -> tuple[Hyperparameter, ...]:
    """Return the settings of an algorithm, or of the automatic choice; none where the algorithm is gone."""
    try:
        return (
            choice_of(AUTO, Task.FORECAST).hyperparameters if algorithm == AUTO else catalog.get(algorithm).hyperparameters
        )
    except InvalidInput:
        return ()


def example_row(version: ModelVersion) -> dict[str, Any]:
    """Return a row that a version can be asked about: the first of the data that it learned from."""
    first = (version.dataset_version.preview or [{}])[0]
    return {column["name"]: first.get(column["name"]) for column in version.schema["columns"]}


def is_weak(version: ModelVersion) -> bool:
    """Say whether a version was no better than its baseline."""
    return version.evaluation.get("beats_baseline") is False


def remarks_on(model: RegisteredModel) -> list[str]:
    """Return what is to be known of the live version, the reasons to train it again among it, nothing twice."""
    champion = champion_of(model)
    if champion is None:
        return []
    said = list(champion.evaluation.get("warnings", []))
    return [*said, *(reason for reason in reasons_to_retrain(model) if not (said and reason == NO_BETTER))]


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
            {
                "model": model,
                "champion": champion,
                "score": scores[0] if scores else None,
                "training": model.pk in training,
                "is_weak": champion is not None and is_weak(champion),
                "reasons": reasons_to_retrain(model),
            }
        )
    return rows


def summary_of(workspace_ids: list[UUID]) -> dict[str, Any]:
    """Return the dashboard's figures, as API.md names them."""
    running = TrainingCampaign.objects.in_workspaces(workspace_ids).filter(status__in=_RUNNING, model__archived_at=None)
    training = running.values("model_id").distinct().count()
    live = RegisteredModel.objects.in_workspaces(workspace_ids).filter(archived_at=None)
    kinds = dict(live.order_by("algorithm").values_list("algorithm").annotate(Count("pk")))
    ready = Alias.objects.filter(model__in=live, name=Alias.Name.CHAMPION, until=None)
    return {
        "summary": {
            "total_models": sum(kinds.values()),
            "active_models": sum(kinds.values()),
            "ready_models": ready.count(),
            "training_models": training,
            "needs_retraining": _to_be_retrained(ready),
        },
        "models_by_type": kinds,
    }


def _to_be_retrained(champions: QuerySet[Alias]) -> int:
    """Count those with `reasons_to_retrain`, without reading what their versions hold: there may be thousands."""
    newer = DatasetVersion.objects.filter(
        dataset=OuterRef("version__dataset_version__dataset"),
        status=DatasetVersion.Status.READY,
        number__gt=OuterRef("version__dataset_version__number"),
    )
    seen = Case(When(Exists(newer) | Q(version__evaluation__beats_baseline=False), then=True), default=False)
    facts = champions.values_list(seen, "version__created_at", "model__retrain_every_days")
    now = clock.now()
    return sum(has_reason or bool(days and now - made > timedelta(days=days)) for has_reason, made, days in facts)


def campaign_rows(workspace_ids: list[UUID]) -> QuerySet[TrainingCampaign]:
    """Return the campaigns of these workspaces, newest first, with no more than a list shows of them."""
    found = campaigns_of(workspace_ids).select_related(None).select_related("model", "version")
    return found.only("status", "progress", "created_at", "model__name", "model__archived_at", "version__number")


def batch_rows(model: RegisteredModel) -> QuerySet[BatchPrediction]:
    """Return a model's batches, newest first, with no more than a list shows of them."""
    found = BatchPrediction.objects.filter(model=model)
    found = found.select_related("version", "dataset_version__dataset", "created_by")
    data = ("dataset_version__number", "dataset_version__rows", "dataset_version__dataset__name")
    return found.only(
        "status", "rows", "result_path", "error", "created_at", "version__number", *data, "created_by__username"
    )


def dataset_rows(datasets: Iterable[Dataset]) -> list[dict[str, Any]]:
    """Return each of these data sets with its newest version and the one that models learn from."""
    return [{"dataset": one, "version": latest_version(one), "used": latest_ready_version(one)} for one in datasets]


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


@dataclass(frozen=True, slots=True)
class DataChoice:
    """A version of a data set that may be chosen, or the columns that keep it from that."""

    version: DatasetVersion
    missing: list[str]

    @property
    def shown_missing(self) -> str:
        """The first of the missing columns."""
        return ", ".join(self.missing[:_NAMES]) + (" …" if len(self.missing) > _NAMES else "")


def data_choices(workspace_id: UUID, needed: Iterable[str], *, always: UUID | None = None) -> list[DataChoice]:
    """Return ready versions of a workspace's newest data sets and of one that is `always` there, what fits first."""
    ready = DatasetVersion.objects.in_workspaces([workspace_id]).filter(
        status=DatasetVersion.Status.READY, dataset__archived_at=None
    )
    shown = ready.select_related("dataset").only("number", "columns", "rows", "dataset__name")
    rank = Case(When(dataset_id=always, then=0), default=1)
    choices = []
    for version in shown.order_by(rank, "-dataset__created_at", "dataset_id", "-number")[:MOST_CHOICES]:
        names = {column["name"] for column in version.columns}
        choices.append(DataChoice(version, [name for name in needed if name not in names]))
    return sorted(choices, key=lambda choice: bool(choice.missing))


def columns_to_train_on(model: RegisteredModel, like: ModelVersion | None) -> list[str]:
    """Return the columns that a model is trained on: those that its last version reads, else those it names."""
    if like is None:
        named = [model.target, *model.features, model.group_column, model.time_column]
    else:
        named = [model.target, *(column["name"] for column in like.schema["columns"])]
    return [name for name in dict.fromkeys(named) if name]
