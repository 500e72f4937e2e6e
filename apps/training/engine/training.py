"""Worker only: one training from its dataset to a registered version."""

import importlib.metadata
import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow.parquet  # noqa: F401  (a warm child has it)
import sklearn.ensemble  # noqa: F401  (a warm child has it)
import xgboost  # noqa: F401  (a warm child has it)
from django.conf import settings
from django.db import close_old_connections, transaction

from apps.algorithms import catalog
from apps.algorithms.base import BaseMLService, Split
from apps.algorithms.engine.report import Report, report_of
from apps.algorithms.reference import REFERENCE, Reference
from apps.algorithms.results import Cancelled, Evaluation
from apps.algorithms.schema import Task
from apps.core import clock
from apps.core.artifacts import storage_guard
from apps.core.errors import DATABASE_AWAY, PlatformError
from apps.registry import actions as registry
from apps.registry.files import PreparedVersion
from apps.registry.manifest import VersionFacts
from apps.registry.selectors import champion_of
from apps.training import lifecycle
from apps.training.engine.database import wait_for_database
from apps.training.engine.reading import TEST_SHARE, Material, check_score, first_service, read, service_of
from apps.training.engine.reporter import Reporter
from apps.training.engine.words import failure_words, is_memory
from apps.training.lifecycle import LeaseLost
from apps.training.models import TrainingCampaign
from apps.training.staging import staging_folder
from apps.workspaces.access import Actor

logger = logging.getLogger(__name__)
PARITY = 1e-5
_MODULES = ("numpy", "sklearn", "pyarrow")  # what every training works with, besides its own library
_Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Shares:
    """Which shares of the whole work its stages are: from one to another, or where they begin."""

    fit: _Span
    evaluate: float
    explain: float
    again: _Span = (0.0, 0.0)


_SEARCH: _Span = (0.03, 0.75)
_SHARES = {  # by (is searched, learns again)
    (False, False): _Shares((0.05, 0.85), 0.86, 0.90),
    (False, True): _Shares((0.05, 0.50), 0.51, 0.53, (0.55, 0.93)),
    (True, False): _Shares((0.76, 0.87), 0.88, 0.90),
    (True, True): _Shares((0.76, 0.83), 0.84, 0.85, (0.86, 0.93)),
}


class Parity(PlatformError):
    """The light predictor does not agree with the model it was made from; such a version is not registered."""


def warm_up() -> None:
    """Do what the first training would wait for."""
    catalog.entries()


def run(campaign_id: UUID, token: UUID, attempt: int) -> None:
    """Train a claimed campaign; every failure ends in words on its row.

    Raises
    ------
    LeaseLost : another run holds the campaign; nothing was written.
    MemoryError : the supervisor says so on the row.

    """
    close_old_connections()
    campaign = TrainingCampaign.objects.select_related("model", "dataset_version__dataset").get(pk=campaign_id)
    try:
        _train(campaign, token, attempt)
    except (LeaseLost, MemoryError):
        raise
    except Cancelled:
        lifecycle.cancel_running(campaign_id, token)
    except PlatformError as error:
        lifecycle.fail(campaign_id, token, reason=error.detail)
    except BaseException as error:
        if is_memory(error):
            raise MemoryError from error
        logger.exception("Campaign %s failed", campaign_id)
        wait_for_database()
        lifecycle.fail(campaign_id, token, reason=failure_words(error))


def _train(campaign: TrainingCampaign, token: UUID, attempt: int) -> None:
    report = Reporter(campaign.pk, token)
    model, began = campaign.model, time.monotonic()
    report.stage("reading data", 0.01)
    waited = (clock.now() - (campaign.started_at or clock.now())).total_seconds()  # for this process to be there
    service = first_service(campaign)
    data = (material := read(campaign, service)).data
    report.stage("splitting", 0.03)
    split = service.split(data, test_share=TEST_SHARE)
    found = None
    if campaign.search is not None:
        from apps.training.engine.search import search  # it brings a library that a plain training does not need

        report.fit("searching", _SEARCH)
        rows = {"train_rows": split.train.rows, "all_rows": data.rows}
        found = search(campaign, token, report, **rows, began=began - waited)
        service = service_of(campaign, found.algorithm, found.parameters, threads=settings.TRAINING_THREADS)
        split = service.split(data, test_share=TEST_SHARE)
    learns_again = service.cost_of_learning_again(data.rows) > 0
    shares = _SHARES[found is not None, learns_again]
    report.fit("fitting", shares.fit, draws=found is None)
    service.fit(split.train, report)
    report.stage("evaluating", shares.evaluate)
    evaluation, baseline = service.evaluate(split.test), service.baseline(split.test)
    linear = service.linear_baseline(split.test)
    check_score(evaluation)
    report.stage("explaining", shares.explain)
    importance = service.importance(split.test)
    judged = report_of(evaluation, baseline, linear, importance, seed=campaign.seed)
    answers = service.answered(split.test)
    if learns_again:
        report.fit("learning again", shares.again, draws=False)
        service.fit_again(data, report)
    report.stage("saving", 0.94)
    folder = staging_folder(workspace_id=model.workspace_id, model_id=model.pk, campaign_id=campaign.pk, attempt=attempt)
    _save(service, folder, service.profile(data if learns_again else split.train, answers))
    report.stage("checking", 0.97)
    _check_parity(service, folder, split)
    warnings = dict.fromkeys(text for one in (split, service, evaluation, importance, judged) for text in one.warnings)
    facts = VersionFacts(
        dataset_version=campaign.dataset_version,
        algorithm=service.slug,
        parameters=service.parameters,
        seed=campaign.seed,
        schema=service.schema,
        metrics=dict(evaluation.metrics),
        main_metric=evaluation.main,
        greater_is_better=evaluation.greater_is_better,
        baseline=baseline,
        importance=importance,
        evaluation={
            **_evaluation(evaluation, split, warnings, judged, material, learned_again=learns_again),
            **(found.as_json() if found else {}),
            **_subject(campaign),
        },
        packages=_packages(service.library),
        trained_seconds=time.monotonic() - began,
    )
    wait_for_database()
    _register(campaign, token, folder, facts)


def _subject(campaign: TrainingCampaign) -> dict[str, str]:
    """Return the column that says whose data a row is, where the version leaves it out: its answers are logged under pseudonyms."""
    name = campaign.dataset_version.dataset.subject_column
    names = {column["name"] for column in campaign.dataset_version.columns}
    is_read = campaign.model.task == Task.FORECAST and name == campaign.model.group_column
    return {"subject_column": name} if name in names and not is_read else {}


def _save(service: BaseMLService, folder: Path, reference: Reference | None) -> None:
    for part, write in (("native", service.save), ("predictor", service.predictor)):
        with storage_guard():
            (folder / part).mkdir(parents=True)
            write(folder / part)
    if reference is not None:
        with storage_guard():
            (folder / REFERENCE).write_text(json.dumps(reference.as_json(), ensure_ascii=False, allow_nan=False))


def _check_parity(service: BaseMLService, folder: Path, split: Split) -> None:
    worst = service.difference(split.test, folder / "predictor")
    if not worst <= PARITY:
        raise Parity(
            f"The light predictor differs from the model by {worst:.2g}; this is a fault of the platform: please report it."
        )


def _of_feedback(material: Material) -> list[str]:
    if not material.left_out:
        return []
    return [
        f"{material.left_out} labelled answers were left out: they do not fit the data set's columns, or name a class that is still rare."
    ]


def _evaluation(
    evaluation: Evaluation,
    split: Split,
    warnings: Iterable[str],
    report: Report,
    material: Material,
    *,
    learned_again: bool,
) -> dict[str, Any]:
    return {
        "split": {
            "method": split.method,
            "reason": split.reason,
            "train_rows": split.train.rows,
            "test_rows": split.test.rows,
            "learned_again": learned_again,
            "frozen_rows": material.frozen,
            "frozen_share": material.share,
            "feedback_rows": material.labelled,
            "feedback_until": material.feedback_until and material.feedback_until.isoformat(),
            "feedback_read_at": material.read_at and material.read_at.isoformat(),
        },
        "curves": evaluation.curves,
        "warnings": [*_of_feedback(material), *warnings],
        "beats_baseline": report.is_better,
        "intervals": report.intervals,
        "baselines": report.baselines,
        "slices": report.slices,
    }


def _packages(library: str) -> dict[str, str]:
    """Return the installed packages that the modules come from, with their versions."""
    shipped = _shipped_modules()
    names = {name for module in (*_MODULES, library) for name in shipped.get(module.partition(".")[0], ())}
    return {name: importlib.metadata.version(name) for name in sorted(names)}


@cache
def _shipped_modules() -> Mapping[str, list[str]]:
    """Return which distributions each importable name comes from: all of them are read for it, once in a process."""
    return importlib.metadata.packages_distributions()


def _register(campaign: TrainingCampaign, token: UUID, folder: Path, facts: VersionFacts) -> None:
    """File the version and end the campaign; a database that is away for a moment costs no training."""
    prepared = None
    for pause in (1.0, 3.0, 10.0, None):
        try:
            prepared = prepared or registry.prepare_version(
                model=campaign.model, campaign_id=campaign.pk, staging=folder, facts=facts
            )
            _file_and_complete(campaign, token, prepared)
        except DATABASE_AWAY as error:
            if pause is None:
                raise
            logger.warning("The version of campaign %s is filed in %s s: %s", campaign.pk, pause, error)
            time.sleep(pause)
            wait_for_database()
        else:
            return


def _file_and_complete(campaign: TrainingCampaign, token: UUID, prepared: PreparedVersion) -> None:
    facts = prepared.facts
    with transaction.atomic():
        held = lifecycle.hold(campaign.pk, token)
        if held.cancel_requested:
            raise Cancelled
        champion = champion_of(held.model)
        version = registry.register_version(prepared, actor=Actor(user_id=held.created_by_id))
        improvement = None
        if champion is not None and facts.main_metric in champion.metrics and facts.main_metric in facts.metrics:
            gain = facts.metrics[facts.main_metric] - champion.metrics[facts.main_metric]
            improvement = float(np.round(gain if facts.greater_is_better else -gain, 6))
        lifecycle.complete(held, version=version, metrics=facts.metrics, improvement=improvement)
