"""What a campaign learns from, by which service, and whether what came out can be compared."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from apps.algorithms import catalog
from apps.algorithms.base import BaseMLService, Wanted
from apps.algorithms.choice import choice_of
from apps.algorithms.engine.extending import Posted, extended
from apps.algorithms.results import Evaluation
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from apps.core import clock
from apps.core.artifacts import ArtifactDamaged, sha256_of
from apps.core.errors import InvalidInput
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import table_file
from apps.registry.models import RegisteredModel
from apps.training.labelled import labelled_rows
from apps.training.models import TrainingCampaign

TEST_SHARE = 0.2
_MANY_ROWS = 5_000
_FOLDS, _FOLDS_OF_MANY_ROWS = 5, 3


def service_of(
    campaign: TrainingCampaign, algorithm: str, parameters: Mapping[str, Any], *, threads: int = 1
) -> BaseMLService:
    """Return an unfitted service as a campaign asks for it."""
    return catalog.get(algorithm)(
        task=Task(campaign.model.task),
        parameters=parameters,
        seed=campaign.seed,
        threads=threads,
        zone=settings.PAGES_TIME_ZONE,
    )


def first_service(campaign: TrainingCampaign) -> BaseMLService:
    """Return the service that reads and parts a campaign's data; where several are compared, all do that alike."""
    service = choice_of(campaign.model.algorithm, campaign.model.task).services[0]
    own = {parameter.name for parameter in service.hyperparameters}
    given = {name: value for name, value in campaign.parameters.items() if name in own}
    return service_of(campaign, service.slug, given, threads=settings.TRAINING_THREADS)


@dataclass(frozen=True)
class Material:
    """What a campaign learns from and is measured by, and how many `frozen` rows of `share` are no part of it.

    `labelled` is how many of all these rows are no part of the data set: people have labelled them by `feedback_until`, and they
    were read at `read_at`. `left_out` more do not fit the data set, or are of a class of which there are too few.
    """

    data: Any
    frozen: int
    share: float
    labelled: int = 0
    left_out: int = 0
    feedback_until: datetime | None = None
    read_at: datetime | None = None


def read(campaign: TrainingCampaign, service: BaseMLService) -> Material:
    """Return what the service makes of the campaign's data, without the rows that are frozen."""
    model = campaign.model
    until, now = campaign.feedback_until, clock.now()
    data, labelled, left_out = read_with_feedback(model, campaign.dataset_version, service, until=until)
    rest, frozen = service.without_frozen(data, share=model.frozen_share, salt=model.pk.hex)
    return Material(rest, frozen, model.frozen_share, labelled, left_out, until, now if until else None)


def read_with_feedback(
    model: RegisteredModel,
    version: DatasetVersion,
    service: BaseMLService,
    *,
    until: datetime | None,
    subject: str | None = None,
) -> tuple[Any, int, int]:
    """Return what a service makes of a data set, with the rows that people had labelled by a time below, and how many these are.

    The last is how many were left out. `subject` is the column that said whose data a row is, None for the one that says so now.

    What was erased since is no longer there.
    """
    data = read_table(model, version, service, subject=subject)
    if until is None or not isinstance(data, TrainingTable):
        return data, 0, 0
    told = [Posted(one.key, one.row, one.label, one.at.timestamp()) for one in labelled_rows(model, until=until)]
    time = next((column for column in _columns_of(version) if column.name == model.time_column), None)
    found, labelled = extended(data, told, task=Task(model.task), group=model.group_column, time=time)
    return found, labelled, len(told) - labelled


def read_table(
    model: RegisteredModel, version: DatasetVersion, service: BaseMLService, *, subject: str | None = None
) -> Any:
    """Return what a service makes of a data set for a model; raise `ArtifactDamaged` where its file is not what it was."""
    path = table_file(version)
    if not path.is_file() or sha256_of(path) != version.table_sha256:
        raise ArtifactDamaged(
            f"The stored table of {version.dataset.name!r}, version {version.number}, is missing or damaged. "
            "Upload the file again as a new version."
        )
    left_out = version.dataset.subject_column if subject is None else subject
    wanted = Wanted(model.target, tuple(model.features), model.group_column, model.time_column, left_out)
    return service.read(path, columns=_columns_of(version), wanted=wanted)


def _columns_of(version: DatasetVersion) -> list[Column]:
    return [Column(one["name"], ColumnKind(one["dtype"])) for one in version.columns]


def folds_wanted(rows: int) -> int:
    """Return on how many folds of so many rows the settings of a table are compared, where its groups and classes allow it."""
    return _FOLDS if rows < _MANY_ROWS else _FOLDS_OF_MANY_ROWS


def check_score(evaluation: Evaluation) -> None:
    """Refuse a main score that is not a number."""
    score = evaluation.metrics.get(evaluation.main)
    if score is None or not math.isfinite(score):
        raise InvalidInput(
            f"The main score ({evaluation.main}) is not a number, so this model could not be compared with any other. "
            "Check the target for extreme values, and that the rows kept apart hold more than one value of it."
        )
