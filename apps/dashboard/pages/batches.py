"""Predictions for every row of a data set: choose it, watch it, take the result."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from apps.core.errors import InvalidInput, PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import checked, page_of
from apps.dashboard.pages.models import find_model
from apps.dashboard.selectors import DataChoice, data_choices
from apps.predictions.actions import start_batch
from apps.predictions.api.serializers import BatchRequestSerializer
from apps.predictions.models import BatchPrediction
from apps.registry.models import RegisteredModel
from apps.registry.selectors import champion_of

_UNFINISHED = (BatchPrediction.Status.PENDING, BatchPrediction.Status.RUNNING)


@page
def batches(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show a model's batches; start one for a data set that has its columns."""
    model = find_model(visit, pk)
    champion = champion_of(model)
    if champion is None:
        raise Http404
    choices = data_choices(model.workspace_id, [column["name"] for column in champion.schema["columns"]])
    problems: list[str] = []
    if visit.request.method == "POST":
        visit.require(Act.PREDICT, model.workspace_id)
        try:
            _start(visit, model, choices)
            return redirect("dashboard:batches", pk=pk)
        except PlatformError as error:
            problems = [problem.detail for problem in error.problems] or [error.detail]
    return visit.render(
        "batches.html",
        422 if problems else 200,
        model=model,
        champion=champion,
        choices=choices,
        chosen=visit.request.POST.get("dataset", ""),
        problems=problems,
        **_listed(visit, model),
    )


def _start(visit: Visit, model: RegisteredModel, choices: list[DataChoice]) -> None:
    if not visit.request.POST.get("dataset"):
        raise InvalidInput(_("Choose a data set first."))
    wanted = checked(BatchRequestSerializer(data=visit.request.POST))["dataset"]
    version = next((choice.version for choice in choices if choice.version.pk == wanted), None)
    if version is None:
        raise InvalidInput(_("Choose a data set that is there and ready."))
    start_batch(model=model, dataset_version=version, actor=visit.access.actor)


@page
def batch_list(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Return the list alone, which the page asks for while something runs."""
    model = find_model(visit, pk)
    return visit.render("_batches.html", model=model, **_listed(visit, model))


def _listed(visit: Visit, model: RegisteredModel) -> dict[str, Any]:
    rows = BatchPrediction.objects.filter(model=model).select_related("version", "dataset_version__dataset", "created_by")
    shown = page_of(visit, rows)
    return {"batches": shown, "is_running": any(batch.status in _UNFINISHED for batch in shown)}
