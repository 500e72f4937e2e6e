"""The forms that make a model and change one."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from apps.core.errors import Conflict, PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page, workspace_page
from apps.dashboard.pages.forms import PageForm, checked
from apps.dashboard.pages.model_form import ModelForm, as_it_stands
from apps.dashboard.pages.models import find_model
from apps.dashboard.selectors import MOST_CHOICES
from apps.dashboard.words import TASKS
from apps.datasets.models import Dataset
from apps.datasets.selectors import datasets_of, latest_ready_version
from apps.registry.actions import create_model, update_model
from apps.registry.api.serializers import ModelUpdateSerializer
from apps.registry.models import RegisteredModel
from apps.training.actions import start_campaign
from apps.training.models import TrainingCampaign
from apps.training.selectors import campaigns_of
from apps.workspaces.access import Actor


@workspace_page
def new_model(visit: Visit) -> HttpResponseBase:
    """Ask what is to be predicted; make the model and start its first training, or neither."""
    given = visit.request.POST if visit.request.method == "POST" else visit.request.GET
    _turn_to_dataset(visit, given.get("dataset", ""))
    assert visit.workspace is not None
    visit.require(Act.TRAIN, visit.workspace.pk)
    datasets = _trainable(visit.workspace.pk, given.get("dataset", ""))
    form = ModelForm(workspace_id=visit.workspace.pk, given=given, datasets=datasets)
    if "start" in visit.request.POST and form.is_valid() and (campaign := _start(visit, form)):
        return redirect("dashboard:campaign", pk=campaign.pk)
    return _show(visit, form)


@page
def edit_model(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Change a model: all of it while it has no version, its name and description afterwards."""
    model = find_model(visit, pk)
    visit.require(Act.TRAIN, model.workspace_id)
    if model.versions.exists():
        return _rename(visit, model)
    last = campaigns_of([model.workspace_id]).filter(model=model).first()
    given = visit.request.POST if visit.request.method == "POST" else as_it_stands(model, last)
    datasets = _trainable(model.workspace_id, given.get("dataset", ""))
    form = ModelForm(workspace_id=model.workspace_id, given=given, datasets=datasets, model=model)
    if "start" in visit.request.POST and form.is_valid() and (campaign := _start(visit, form)):
        return redirect("dashboard:campaign", pk=campaign.pk)
    return _show(visit, form, last)


def _turn_to_dataset(visit: Visit, given: str) -> None:
    """Look at the workspace of the data set that was chosen, which another tab may have left."""
    found = _chosen(visit.access.workspace_ids, given).first()
    if found is not None:
        visit.turn_to(found.workspace_id)


def _trainable(workspace_id: UUID, chosen: str) -> list[Dataset]:
    """Return the newest data sets that can be learned from, and the one that was chosen."""
    newest = list(datasets_of([workspace_id])[:MOST_CHOICES])
    older = [dataset for dataset in _chosen([workspace_id], chosen) if dataset not in newest]
    return [dataset for dataset in (*newest, *older) if latest_ready_version(dataset)]


def _chosen(workspace_ids: list[UUID], given: str) -> QuerySet[Dataset]:
    try:
        return datasets_of(workspace_ids).filter(pk=UUID(given))
    except ValueError:
        return Dataset.objects.none()


def _start(visit: Visit, form: ModelForm) -> TrainingCampaign | None:
    """Write the model and its campaign together; None when a verb refused, which the form then says."""
    assert form.version is not None
    assert visit.workspace is not None
    fields, actor = form.fields, visit.access.actor
    try:
        with transaction.atomic():
            if form.model is None:
                model = create_model(workspace=visit.workspace, actor=actor, **fields)
            else:
                model = update_model(model=form.model, actor=actor, **fields)
            campaign = start_campaign(
                model=model, dataset_version=form.version, parameters=form.held, search=form.limits, actor=actor
            )
    except PlatformError as error:
        form.refuse(error)
        return None
    if form.target in form.left_out:
        text = _("{target} is what is predicted: it is never learned from, so leaving it out changes nothing.")
        messages.info(visit.request, text.format(target=form.target))
    return campaign


def _show(visit: Visit, form: ModelForm, last: TrainingCampaign | None = None) -> HttpResponseBase:
    status = 422 if form.faults else 200
    failed = last if last and last.status == TrainingCampaign.Status.FAILED else None
    return visit.render("new_model.html", status, form=form, given=form.given, tasks=TASKS, failed=failed)


class WordsForm(PageForm):
    """What may still be changed of a model that has versions: its words, and when it is due."""

    labels = {name: ModelForm.labels[name] for name in ("name", "description", "retrain_every_days")}

    def __init__(self, model: RegisteredModel, given: QueryDict) -> None:
        super().__init__()
        self.model = model
        self.name = given.get("name", model.name)
        self.description = given.get("description", model.description)
        self.retrain_every_days = given.get("retrain_every_days", model.retrain_every_days)

    def write(self, actor: Actor) -> bool:
        """Write the words, or say what is wrong with them."""
        sent = {"description": self.description, "retrain_every_days": self.retrain_every_days or None}
        if self.name.strip() != self.model.name:
            sent["name"] = self.name.strip()
        try:
            words = checked(ModelUpdateSerializer(self.model, data=sent, partial=True))
            update_model(model=self.model, actor=actor, **words)
        except Conflict as error:
            self.say("name", error.detail)
        except PlatformError as error:
            self.refuse(error)
        return not self.faults


def _rename(visit: Visit, model: RegisteredModel) -> HttpResponseBase:
    form = WordsForm(model, visit.request.POST)
    if visit.request.method == "POST" and form.write(visit.access.actor):
        return redirect("dashboard:model", pk=model.pk)
    return visit.render("rename_model.html", 422 if form.faults else 200, model=model, form=form)
