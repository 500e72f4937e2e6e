"""The page that trains a model again: on which rows, with which settings, and what that changes."""

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.algorithms.choice import choice_of
from apps.core.errors import PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import PageForm, checked
from apps.dashboard.pages.models import find_model
from apps.dashboard.pages.parameters import (
    changed,
    field_name,
    parameter_fields,
    parameter_title,
    parameters_given,
    query_of,
)
from apps.dashboard.pages.searching import SearchField
from apps.dashboard.selectors import columns_to_train_on, data_choices
from apps.datasets.models import DatasetVersion
from apps.feedback.learning import count_to_learn
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import champion_of
from apps.training.actions import check_campaign, start_campaign
from apps.training.api.serializers import TrainSerializer
from apps.training.labelled import can_learn_from_labels, learned_labels_until
from apps.training.models import TrainingCampaign
from apps.training.selectors import campaigns_of, version_to_train_on


class TrainForm(PageForm):
    """What a training is to be made with; it begins as the model stands, beside its live version."""

    labels = {
        "dataset": gettext_lazy("Data set"),
        "seed": gettext_lazy("Seed"),
        "search": gettext_lazy("Search for better settings"),
    }

    def __init__(self, *, model: RegisteredModel, given: QueryDict) -> None:
        super().__init__()
        self.model = model
        self.given = given
        self.algorithm = choice_of(model.algorithm, model.task)
        self.search = SearchField(given, self.algorithm)
        self.live: ModelVersion | None = champion_of(model)
        self.source = self.live.dataset_version.dataset_id if self.live else self._last_dataset()
        self.choices = data_choices(model.workspace_id, columns_to_train_on(model, self.live), always=self.source)
        self.labelled = count_to_learn(model, since=None) if can_learn_from_labels(model) else 0
        self.is_same = False
        self.wanted: dict[str, Any] = {}
        self.version: DatasetVersion | None = None

    @property
    def seed(self) -> str:
        """What was typed, else the live version's: it keeps the same rows apart, so that both can be compared."""
        return self.given.get("seed", str(self.live.seed) if self.live else "0")

    @property
    def feedback(self) -> bool:
        """Whether to learn from labelled answers too: what was chosen, else yes where there are any."""
        return "feedback" in self.given if self.given.get("dataset") else self.labelled > 0

    @property
    def chosen(self) -> str:
        """The data to learn from: what was chosen, else the newest version of what the live version learned from."""
        if "dataset" in self.given:
            wanted = self.given["dataset"]
            fits = [str(c.version.pk) for c in self.choices if wanted in {str(c.version.pk), str(c.version.dataset_id)}]
        else:
            fits = [str(c.version.pk) for c in self.choices if c.version.dataset_id == self.source and not c.missing]
        return fits[0] if fits else ""

    def _last_dataset(self) -> UUID | None:
        last = campaigns_of([self.model.workspace_id]).filter(model=self.model).first()
        return last.dataset_version.dataset_id if last else None

    @property
    def fields(self) -> list[Any]:
        """The algorithm's settings, each beside the live version's."""
        live = self.live.parameters if self.live else None
        return parameter_fields(self.algorithm, self.given, faults=self.faults, standing=self.model.parameters, live=live)

    @property
    def like_live(self) -> str:
        """The query with which the form begins as the live version was made; nothing where it begins so anyhow."""
        if self.live is None or self.live.algorithm != self.algorithm.slug:
            return ""
        standing = {**self.model.parameters, **parameters_given(self.algorithm, self.given)}
        differs = changed(self.algorithm, self.live.parameters, standing)
        return query_of(self.live.algorithm, self.live.parameters) if differs else ""

    def field_of(self, pointer: str) -> str:
        """Return the field that a pointer of the API means."""
        if pointer.startswith("/parameters/"):
            return field_name(self.algorithm, pointer.removeprefix("/parameters/"))
        return super().field_of(pointer)

    def label_of(self, field: str) -> str:
        """Return what a field is called on the page."""
        return super().label_of(field) or parameter_title(self.algorithm, field)

    @property
    def _searches(self) -> bool:
        return self.algorithm.is_automatic or self.search.limits is not None

    @property
    def _parameters(self) -> dict[str, Any]:
        """What is trained with; a search is given only what was changed, for that it leaves as it is."""
        given = parameters_given(self.algorithm, self.given)
        return changed(self.algorithm, given, self.model.parameters) if self._searches else given

    def is_valid(self) -> bool:
        """Check all that can be known before anything is written, and whether anything differs from the live version."""
        if not self.given.get("dataset"):
            self.say("dataset", _("Choose a data set first."))
            return False
        sent = {
            "dataset": self.given["dataset"],
            "seed": self.seed,
            "parameters": self._parameters,
            "search": self.search.limits,
            "feedback": self.feedback,
        }
        try:
            self.wanted = checked(TrainSerializer(data=sent))
            self.version = version_to_train_on(self.model, self.wanted.pop("dataset"))
            parameters = check_campaign(
                model=self.model,
                dataset_version=self.version,
                parameters=self.wanted["parameters"],
                search=self.wanted["search"],
            )
        except PlatformError as error:
            self.refuse(error)
            return False
        self._check_columns(self.version)
        asked = (self.version.pk, self.wanted["seed"], parameters)
        same = not self._searches and self.live is not None and asked == _made_with(self.live)
        self.is_same = same and not self._labels_differ
        return not self.faults and not (self.is_same and "anyway" not in self.given)

    @property
    def _labels_differ(self) -> bool:
        """Whether other labelled answers are learned from than those that the live version learned from."""
        until = learned_labels_until(self.live) if self.live else None
        return (until is not None) != self.feedback or (self.feedback and count_to_learn(self.model, since=until) > 0)

    def _check_columns(self, version: DatasetVersion) -> None:
        missing = next((choice.shown_missing for choice in self.choices if choice.version == version), "")
        if missing:
            text = _("It does not have the columns that the model learned from: {names}. Choose another data set.")
            self.say("dataset", text.format(names=missing))


def _made_with(version: ModelVersion) -> tuple[UUID, int, dict[str, Any]]:
    return version.dataset_version_id, version.seed, version.parameters


@page
def train(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Ask what to train with, beside what the live version was made with; start it."""
    model = find_model(visit, pk)
    visit.require(Act.TRAIN, model.workspace_id)
    form = TrainForm(model=model, given=visit.request.POST if visit.request.method == "POST" else visit.request.GET)
    if visit.request.method == "POST" and form.is_valid() and (campaign := _start(visit, form)):
        return redirect("dashboard:campaign", pk=campaign.pk)
    status = 422 if form.faults or form.is_same else 200
    return visit.render("train.html", status, model=model, form=form)


def _start(visit: Visit, form: TrainForm) -> TrainingCampaign | None:
    assert form.version is not None
    try:
        return start_campaign(model=form.model, dataset_version=form.version, actor=visit.access.actor, **form.wanted)
    except PlatformError as error:
        form.refuse(error)
        return None
