"""Predictions for every row of a data set: choose it, watch it, take the result."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.errors import PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import PageForm, checked, page_of
from apps.dashboard.pages.models import find_model
from apps.dashboard.selectors import batch_rows, data_choices
from apps.predictions.actions import start_batch
from apps.predictions.api.serializers import BatchRequestSerializer
from apps.predictions.models import BatchPrediction
from apps.predictions.selectors import result_file
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import champion_of
from apps.workspaces.access import Actor

_UNFINISHED = (BatchPrediction.Status.PENDING, BatchPrediction.Status.RUNNING)


class BatchForm(PageForm):
    """The data set whose rows are to be predicted."""

    labels = {"dataset": gettext_lazy("Data set")}

    def __init__(self, *, model: RegisteredModel, champion: ModelVersion, given: QueryDict) -> None:
        super().__init__()
        self.model = model
        self.given = given
        self.choices = data_choices(model.workspace_id, [column["name"] for column in champion.schema["columns"]])
        self.chosen = given.get("dataset", "")

    def start(self, actor: Actor) -> bool:
        """Start a batch, or say why not."""
        if not self.chosen:
            self.say("dataset", _("Choose a data set first."))
            return False
        try:
            wanted = checked(BatchRequestSerializer(data=self.given))["dataset"]
            version = next((choice.version for choice in self.choices if choice.version.pk == wanted), None)
            if version is None:
                self.say("dataset", _("Choose a data set that is there and ready."))
                return False
            start_batch(model=self.model, dataset_version=version, actor=actor)
        except PlatformError as error:
            self.refuse(error)
        return not self.faults


@page
def batches(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show a model's batches; start one for a data set that has its columns."""
    model = find_model(visit, pk)
    champion = champion_of(model)
    if champion is None:
        messages.info(visit.request, _("It answers once its first version is trained."))
        return redirect("dashboard:model", pk=pk)
    form = BatchForm(model=model, champion=champion, given=visit.request.POST)
    if visit.request.method == "POST":
        visit.require(Act.PREDICT, model.workspace_id)
        if form.start(visit.access.actor):
            return redirect("dashboard:batches", pk=pk)
    status = 422 if form.faults else 200
    return visit.render("batches.html", status, model=model, champion=champion, form=form, **_listed(visit, model))


@page
def batch_list(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Return the list alone, which the page asks for while something runs."""
    model = find_model(visit, pk)
    return visit.render("_batches.html", model=model, **_listed(visit, model))


def _listed(visit: Visit, model: RegisteredModel) -> dict[str, Any]:
    shown = page_of(visit, batch_rows(model))
    for batch in shown:
        batch.has_semicolons = result_file(batch, "semicolons") is not None
    return {"batches": shown, "is_running": any(batch.status in _UNFINISHED for batch in shown)}
