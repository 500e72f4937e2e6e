"""What the form of a model holds: what was typed or stands, and what is wrong with it, field by field."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.algorithms.choice import AUTO, Choice, choice_of
from apps.algorithms.schema import ColumnKind, Task
from apps.algorithms.targets import Target, possible_tasks
from apps.core.errors import PlatformError
from apps.core.plain_names import made_plain
from apps.dashboard.pages.forms import PageForm, checked
from apps.dashboard.pages.parameters import (
    changed,
    chosen,
    field_name,
    offered,
    parameter_fields,
    parameter_title,
    parameters_given,
    typed,
)
from apps.dashboard.pages.searching import SearchField, kind_of
from apps.dashboard.words import TASKS
from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.selectors import latest_ready_version
from apps.registry.api.serializers import ModelSerializer
from apps.registry.models import RegisteredModel
from apps.registry.selectors import models_of
from apps.training.actions import check_campaign
from apps.training.api.serializers import TrainSerializer
from apps.training.models import TrainingCampaign

_NUMBERS = {ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.BOOLEAN}
_JUDGED = {Task.ANOMALY, Task.CLUSTERING}  # nothing is predicted; labels may say how good the answers are
_OF_SERIES = {"time_column": "times", "group_column": "series", "features": "ahead"}  # fields of a forecast, by the model's
_SPLIT_AND_AGE = ("group_column", "time_column", "retrain_every_days")


class ModelForm(PageForm):
    """The form that makes a model, or changes one that has no version yet."""

    labels = {
        "dataset": gettext_lazy("Data set"),
        "task": gettext_lazy("What is asked?"),
        "target": gettext_lazy("Target"),
        "labels": gettext_lazy("Judge by labels"),
        "algorithm": gettext_lazy("Algorithm"),
        "search": gettext_lazy("Search for better settings"),
        "name": gettext_lazy("Name of the model"),
        "description": gettext_lazy("Description"),
        "times": gettext_lazy("Times"),
        "series": gettext_lazy("Series told apart by"),
        "ahead": gettext_lazy("Columns known ahead"),
        "left_out": gettext_lazy("Columns to leave out"),
        "group_column": gettext_lazy("Rows that belong together"),
        "time_column": gettext_lazy("Rows in the order of time"),
        "retrain_every_days": gettext_lazy("Remind to train again"),
    }

    def __init__(
        self, *, workspace_id: UUID, given: QueryDict, datasets: Sequence[Dataset], model: RegisteredModel | None = None
    ) -> None:
        super().__init__()
        self.workspace_id = workspace_id
        self.given = given
        self.datasets = datasets
        self.model = model
        self.fields: dict[str, Any] = {}  # what the registry keeps of a model, once `is_valid` has said yes
        self.dataset = self._chosen_dataset()
        self.version = latest_ready_version(self.dataset) if self.dataset else None
        self.algorithm = chosen(given.get("algorithm", ""), self.task)
        self.search = SearchField(given, self.algorithm)
        self.limits: dict[str, Any] | None = None  # of the search, once `is_valid` has said yes

    def _chosen_dataset(self) -> Dataset | None:
        wanted = self.given.get("dataset")
        if wanted is None:
            return self.datasets[0] if self.datasets else None
        return next((dataset for dataset in self.datasets if str(dataset.pk) == wanted), None)

    @property
    def task(self) -> str:
        """What is asked: what was chosen, else a forecast of series, else classification."""
        usual = Task.FORECAST if self.found_series.get("step") else Task.CLASSIFICATION
        return self.given.get("task") or str(usual)

    @property
    def is_forecast(self) -> bool:
        """Whether it is asked what comes next."""
        return self.task == Task.FORECAST

    @property
    def found_series(self) -> dict[str, Any]:
        """What the chosen data was found to hold of series."""
        return (self.version.reading.get("series") if self.version else None) or {}

    @property
    def times(self) -> str:
        """The column of the times: what was chosen, else what was found."""
        return str(self.given.get("times", self.found_series.get("time", "")))

    @property
    def series(self) -> str:
        """The column that tells series apart."""
        return str(self.given.get("series", self.found_series.get("series", "")))

    @property
    def may_be_known_ahead(self) -> list[str]:
        """The columns of numbers that are neither the target nor what the series are told by."""
        taken = {self.target, self.times, self.series}
        columns = self.version.columns if self.version else []
        return [c["name"] for c in columns if ColumnKind(c["dtype"]) in _NUMBERS and c["name"] not in taken]

    @property
    def known_ahead(self) -> list[str]:
        """The columns that help and are known ahead of time."""
        return self.given.getlist("ahead")

    @property
    def target(self) -> str:
        """The column to predict, or to judge by where nothing is predicted, which is asked for in a field of its own."""
        found = self.found_series.get("value", "") if self.is_forecast else ""
        return str(self.given.get(self._target_field, found))

    @property
    def _target_field(self) -> str:
        return "labels" if self.task in _JUDGED else "target"

    @property
    def left_out(self) -> list[str]:
        """The columns that are not to be learned from."""
        return self.given.getlist("left_out")

    @property
    def name(self) -> str:
        """The model's name, after its data set when none was typed."""
        return self.given.get("name", "").strip() or self.suggested_name

    @property
    def datasets_ready(self) -> list[DatasetVersion]:
        """What can be learned from: of each data set its newest version that is ready."""
        return [version for dataset in self.datasets if (version := latest_ready_version(dataset))]

    @property
    def columns(self) -> list[dict[str, Any]]:
        """The columns of the chosen data, each with the tasks that it can be the target of."""
        if self.version is None:
            return []
        rows = self.version.rows or 0
        shares = not (self.given.get("group_column") or self.given.get("time_column"))
        targets = [Target.of_profile(column, rows) for column in self.version.columns]
        return [
            {"name": target.name, "kind": target.kind, "tasks": possible_tasks(target, keeps_class_shares=shares)}
            for target in targets
        ]

    @property
    def suggested_name(self) -> str:
        """What the model is called unless somebody names it."""
        return made_plain(_("Model of {name}").format(name=self.dataset.name))[:200] if self.dataset else ""

    def _features(self, version: DatasetVersion) -> list[str]:
        never = {*self.left_out, self.target, self.given.get("group_column", "")}
        return [column["name"] for column in version.columns if column["name"] not in never]

    def _fields(self, algorithm: Choice, version: DatasetVersion) -> dict[str, Any]:
        chosen = self._series_fields() if self.is_forecast else self._table_fields(version)
        return {
            **chosen,
            "name": self.name,
            "description": self.given.get("description", ""),
            "algorithm": algorithm.slug,
            "task": self.task,
            "target": self.target,
            "retrain_every_days": self.given.get("retrain_every_days") or None,
            "parameters": parameters_given(algorithm, self.given),
        }

    def _table_fields(self, version: DatasetVersion) -> dict[str, Any]:
        return {
            "features": self._features(version) if set(self.left_out) - {self.target} else [],
            "group_column": self.given.get("group_column", ""),
            "time_column": self.given.get("time_column", ""),
        }

    def _series_fields(self) -> dict[str, Any]:
        return {"features": self.known_ahead, "group_column": self.series, "time_column": self.times}

    def is_valid(self) -> bool:
        """Check all that can be known before anything is written; what is wrong stands in `faults`."""
        self._check_choices()
        if self.algorithm is not None and self.version is not None:
            fields = self._fields(self.algorithm, self.version)
            self._check_words(fields)
            self._check_limits(self.version)
            if not self.faults.keys() & {"target", "labels", "task", "times"}:
                self._check_training(self.algorithm, self.version, fields)
        return not self.faults

    def _check_choices(self) -> None:
        if self.version is None:
            self.say("dataset", _("Choose a data set that is there and ready."))
        if self.algorithm is None:
            wanted = self.given.get("algorithm")
            unknown = _("There is no algorithm {name}.").format(name=repr(wanted)) if wanted else ""
            self.say("algorithm", unknown or _("Choose an algorithm."))
        elif self.task not in self.algorithm.tasks:
            known = ", ".join(str(TASKS.get(task, task)) for task in self.algorithm.tasks)
            self.say(
                "task", _("{title} does not do this. It does: {tasks}").format(title=_(self.algorithm.title), tasks=known)
            )
        if self.algorithm is not None and self.algorithm.needs_target and self.task not in _JUDGED and not self.target:
            self.say("target", _("Choose the target: the column to predict."))
        if self.is_forecast and not self.times:
            self.say("times", _("Choose the column of the times."))
        if self.version is not None and not self.is_forecast and not self._features(self.version):
            self.say("left_out", _("Every column is left out: leave at least one to learn from."))

    def _check_words(self, fields: dict[str, Any]) -> None:
        """Refuse what the API refuses, and a name that is taken."""
        try:
            self.fields = checked(ModelSerializer(data={"workspace": self.workspace_id, **fields}))
        except PlatformError as error:
            self.refuse(error)
            return
        del self.fields["workspace_id"]
        same = models_of([self.workspace_id]).filter(name=self.fields["name"])
        if self.model is not None:
            same = same.exclude(pk=self.model.pk)
        if same.exists():
            self.say("name", _("There is a model of this name already. Choose another name."))

    def _check_limits(self, version: DatasetVersion) -> None:
        """Refuse a time for the search as the API does."""
        asked = {"dataset": str(version.pk), "search": self.search.limits}
        try:
            self.limits = checked(TrainSerializer(data=asked))["search"]
        except PlatformError as error:
            self.refuse(error)

    def _check_training(self, algorithm: Choice, version: DatasetVersion, fields: dict[str, Any]) -> None:
        model = RegisteredModel(workspace_id=self.workspace_id, **fields)
        try:
            algorithm.clean_parameters(model.parameters)
        except PlatformError as error:
            self.refuse(error)
            model.parameters = {}
        try:
            check_campaign(model=model, dataset_version=version, search=self.limits)
        except PlatformError as error:
            self.refuse(error)

    def field_of(self, pointer: str) -> str:
        """Return the field that a pointer of the API means; the target's depends on what is asked."""
        if pointer.startswith("/parameters/") and self.algorithm is not None:
            return field_name(self.algorithm, pointer.removeprefix("/parameters/"))
        if self.is_forecast and (own := _OF_SERIES.get(pointer.lstrip("/").partition("/")[0])):
            return own
        if pointer.startswith("/features"):
            return "left_out"
        if pointer.lstrip("/") == "target":
            return self._target_field
        return super().field_of(pointer)

    def label_of(self, field: str) -> str:
        """Return what a field is called on the page."""
        return super().label_of(field) or parameter_title(self.algorithm, field)

    @property
    def held(self) -> dict[str, Any]:
        """The settings that a search leaves as they were typed: those that are not the defaults."""
        return changed(self.algorithm, self.fields["parameters"], {}) if self.algorithm and self.limits else {}

    @property
    def shows_advanced(self) -> bool:
        """Whether what is folded away holds something that was chosen or is wrong."""
        inside = {"left_out", *_SPLIT_AND_AGE} | {choice.slug for choice in offered()}
        is_used = self.left_out or any(self.given.get(name) for name in _SPLIT_AND_AGE)
        return bool(is_used) or any(field.split(".")[0] in inside for field in self.faults)

    @property
    def choices(self) -> list[dict[str, Any]]:
        """What a model may be made with, each with its settings: of the automatic choice those of a forecast."""
        return [
            {
                "algorithm": one,
                "tasks": " ".join(one.tasks),
                "search": kind_of(one),
                "fields": parameter_fields(
                    choice_of(AUTO, Task.FORECAST) if one.is_automatic else one, self.given, faults=self.faults
                ),
            }
            for one in offered()
        ]


def as_it_stands(model: RegisteredModel, campaign: TrainingCampaign | None) -> QueryDict:
    """Return a model and its last training as the form would have sent them."""
    given = QueryDict(mutable=True)
    given.update({"name": model.name, "description": model.description, "task": model.task, "algorithm": model.algorithm})
    given["labels" if model.task in _JUDGED else "target"] = model.target
    given.update({name: str(getattr(model, name) or "") for name in _SPLIT_AND_AGE})
    if model.task == Task.FORECAST:
        given.update({"times": given.pop("time_column")[0], "series": given.pop("group_column")[0]})
        given.setlist("ahead", model.features)
    if campaign is not None:
        version = campaign.dataset_version
        given["dataset"] = str(version.dataset_id)
        names = [column["name"] for column in version.columns]
        known = {*model.features, model.target, model.group_column}
        if model.task != Task.FORECAST:
            given.setlist("left_out", [n for n in names if model.features and n not in known])
    last = {} if campaign is None else campaign.parameters
    if campaign is not None and campaign.search is not None:
        given["search"], last = str(campaign.search["seconds"]), campaign.search["held"]  # not what it found
    for name, value in {**model.parameters, **last}.items():
        given[f"{model.algorithm}.{name}"] = str(typed(value))
    return given
