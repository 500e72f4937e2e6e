"""Worker only: let champion and challenger answer the rows that neither has learned from, and ask the gate."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from apps.algorithms import catalog
from apps.algorithms.base import BaseMLService
from apps.algorithms.engine.anomaly_labels import counts_of
from apps.algorithms.engine.frozen import frozen_rows, keys_of
from apps.algorithms.engine.judged import Judged
from apps.algorithms.engine.judged_classes import JudgedClasses
from apps.algorithms.engine.judges import JUDGES
from apps.algorithms.engine.slices import parts_of
from apps.algorithms.predictors import load_predictor
from apps.algorithms.predictors.finish import probabilities
from apps.algorithms.predictors.table import TablePredictor
from apps.algorithms.schema import TableSchema, Task
from apps.algorithms.tables import TrainingTable
from apps.core.errors import InvalidInput, PlatformError
from apps.core.leases import LeaseLost
from apps.registry.files import verify_version
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import version_folder
from apps.retraining import actions
from apps.retraining.gate.challenger import Contender, judge_challenger
from apps.retraining.gate.so_far import of_new_column
from apps.retraining.gate.verdict import Verdict, refusal, refuse_few
from apps.retraining.lifecycle import judgements
from apps.retraining.models import GateReport
from apps.retraining.selectors import columns_beyond, margins_of
from apps.training.engine.reading import read_with_feedback
from apps.training.labelled import learned_labels_until

logger = logging.getLogger(__name__)
MOST_ROWS = 50_000  # of which both are asked; more make nothing surer that matters
_TIMED_ROWS = 30
_SLICED = 10  # columns
_NO_LABELS = "Without labels no answer is better than another: compare the versions by hand, and promote the one you want."
_SERIES = "Forecasts are not judged by the gate: their versions differ in what they know. Compare them by hand."

_UNJUDGED = (Task.FORECAST, Task.CLUSTERING)
Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Holdout:
    """The rows that both answer to: `left_out` more are frozen, but the champion has learned from them."""

    table: TrainingTable
    left_out: int
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """Return what is stored."""
        return {"rows": self.table.rows, "left_out": self.left_out, "sha256": self.sha256}


def judge(report_id: UUID, token: UUID) -> None:
    """Run a claimed judgement to its end; what the gate lets through is promoted as the policy says."""
    report = GateReport.objects.select_related("model", "champion__dataset_version", "challenger__dataset_version").get(
        pk=report_id
    )
    try:
        verdict, holdout = _judged(report, lambda: judgements.hold(report_id, token))
        actions.conclude(report=report, token=token, verdict=_with_columns(verdict, report), holdout=holdout)
    except LeaseLost:
        logger.warning("Judgement %s went on elsewhere", report_id)
    except PlatformError as error:
        actions.fail_judgement(report=report, token=token, reason=error.detail)
    except Exception as error:
        text = f"The judgement stopped with {type(error).__name__}; the worker's log has the details."
        actions.fail_judgement(report=report, token=token, reason=text)
        raise


def _judged(report: GateReport, hold: Callable[[], None]) -> tuple[Verdict, dict[str, Any]]:
    model, task = report.model, Task(report.model.task)
    if task in _UNJUDGED or not model.target:
        return refusal(_SERIES if task == Task.FORECAST else _NO_LABELS), {}
    if refused := _refuse_other_subject(report):
        return refused, {}
    for version in (report.champion, report.challenger):
        verify_version(version, below="predictor/")
    holdout, margins = _holdout(model, report.champion, report.challenger, hold), margins_of(model)
    if (refused := refuse_few(holdout.table.rows, margins, left_out=holdout.left_out)) is not None:
        return refused, holdout.as_json()
    hold()
    champion, challenger = (_predictor(version) for version in (report.champion, report.challenger))
    _refuse_missing_columns(champion, report.champion, holdout.table)
    answers = _answers(task, champion, challenger, holdout.table)
    metric, more = _measure(report.champion, answers[0])
    hold()
    contenders = [
        Contender(
            judged,
            holdout.sha256,
            learned_rows=0,
            latency_ms=latency,
            size_bytes=float(light.size_bytes),
        )
        for judged, latency, light in zip(
            answers, _latencies(champion, challenger, holdout.table), (champion, challenger), strict=True
        )
    ]
    verdict = judge_challenger(
        *contenders,
        metric=metric,
        greater_is_better=more,
        holdout=holdout.sha256,
        margins=margins,
        groups=holdout.table.groups,
        slices=_slices(report.challenger, holdout.table),
        seed=report.challenger.seed,
    )
    return verdict, holdout.as_json()


def _refuse_other_subject(report: GateReport) -> Verdict | None:
    """Refuse where the column that says whose data a row is was declared anew between two trainings, and one of them had read it.

    Rows are frozen by what they hold in the columns that were read: few, if any, are frozen for both.
    """
    pair = (report.champion, report.challenger)
    before, after = (version.evaluation.get("subject_column", "") for version in pair)
    had, has = ({one.name for one in (*schema.columns, *schema.unused)} for schema in map(_schema_of, pair))
    if before == after or not (after in had or before in has):
        return None
    return refusal(
        f"Between the trainings of versions {report.champion.number} and {report.challenger.number} it was declared anew which "
        "column says whose data a row is, so that other rows were kept apart from each. Compare them by hand."
    )


def _schema_of(version: ModelVersion) -> TableSchema:
    return TableSchema.from_json(version.schema)


def _with_columns(verdict: Verdict, report: GateReport) -> Verdict:
    """Note of each column that the challenger reads and the champion does not what follows from it."""
    return replace(verdict, notes=tuple(map(of_new_column, columns_beyond(report.challenger, report.champion))))


def _holdout(model: RegisteredModel, champion: ModelVersion, challenger: ModelVersion, hold: Callable[[], None]) -> Holdout:
    """Return the frozen rows of the challenger's data set, without those that the champion has learned from."""
    table, frozen = _table(model, challenger)
    hold()
    seen_table, unseen = _table(model, champion)
    hold()
    learned = ~unseen
    common = sorted({one.name for one in table.features} & {one.name for one in seen_table.features})
    seen = np.isin(keys_of(table, columns=common), keys_of(seen_table, columns=common)[learned])
    if table.groups is not None and seen_table.groups is not None:
        seen |= np.isin(table.groups.astype(str), seen_table.groups[learned].astype(str))
    rows = np.flatnonzero(frozen & ~seen)
    kept = table.take(evenly(rows, MOST_ROWS)).without_missing_target()
    digest = hashlib.sha256(keys_of(kept, columns=common).tobytes())
    digest.update("\x00".join(map(str, kept.target.tolist() if kept.target is not None else [])).encode())
    return Holdout(kept, int((frozen & seen).sum()), digest.hexdigest())


def evenly(rows: Index, most: int) -> Index:
    """Return the rows, or so many of them from first to last."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _table(model: RegisteredModel, version: ModelVersion) -> tuple[TrainingTable, npt.NDArray[np.bool_]]:
    """Return the rows of a version's training, and which of them it did not learn from.

    None are said to be so unless they are as many as its training noted, less what was erased of the data set or of the log since.
    """
    service: type[BaseMLService] = catalog.get(version.algorithm)
    split = version.evaluation.get("split", {})
    until = learned_labels_until(version)
    table, labelled, _ = read_with_feedback(
        model,
        version.dataset_version,
        service(task=Task(model.task)),
        until=until,
        subject=version.evaluation.get("subject_column", ""),
    )
    frozen = frozen_rows(table, task=Task(model.task), share=split.get("frozen_share", 0.0), salt=model.pk.hex)
    gone = split.get("frozen_rows", 0) - int(frozen.sum())
    erased = sum(version.dataset_version.erasures.values_list("rows", flat=True)) + split.get("feedback_rows", 0) - labelled
    return table, frozen if 0 <= gone <= erased else np.zeros(table.rows, dtype=bool)


def _predictor(version: ModelVersion) -> TablePredictor:
    light = load_predictor(version_folder(version) / "predictor")
    assert isinstance(light, TablePredictor)
    return light


def _refuse_missing_columns(light: TablePredictor, version: ModelVersion, table: TrainingTable) -> None:
    missing = [column.name for column in light.schema.columns if column.name not in table.columns]
    if missing:
        raise InvalidInput(
            f"Version {version.number} reads the column {missing[0]!r}, which the newer data set does not have: "
            "the two cannot answer the same rows. Compare them by hand."
        )


def _answers(task: Task, champion: TablePredictor, challenger: TablePredictor, table: TrainingTable) -> list[Judged]:
    """Return what both answered; classes are numbered alike, and one that a version does not know has no chance with it."""
    if task != Task.CLASSIFICATION:
        facts = {"alert_share": 0.01, "labels": {} if table.target is None else counts_of(table.target.tolist())}
        return [JUDGES[task].evaluate(light, facts, table).judged for light in (champion, challenger)]
    assert table.target is not None
    labels = table.target.tolist()
    classes = sorted({*champion.schema.classes, *challenger.schema.classes, *labels}, key=lambda one: (str(type(one)), one))
    place = {label: code for code, label in enumerate(classes)}
    truth = np.array([place[label] for label in labels], dtype=np.int64)
    positive = int(np.bincount(truth, minlength=len(classes)).argmin()) if len(classes) == 2 else 1
    found: list[Judged] = []
    for light in (champion, challenger):
        matrix, _ = light.encoder.encode(table.columns, table.rows)
        chances = np.zeros((table.rows, len(classes)))
        chances[:, [place[label] for label in light.schema.classes]] = probabilities(light.finish.link, light.raw(matrix))
        found.append(JudgedClasses(truth, chances, positive))
    return found


def _measure(champion: ModelVersion, judged: Judged) -> tuple[str, bool]:
    """Return what versions are compared by: the main metric, or the accuracy where a class stands in none of the rows."""
    if isinstance(judged, JudgedClasses) and len(np.unique(judged.truth)) < judged.chances.shape[1]:
        return "accuracy", True
    return champion.evaluation["main"], champion.evaluation["greater_is_better"]


def _slices(challenger: ModelVersion, table: TrainingTable) -> dict[str, Index]:
    """Return the parts of the columns that matter most to the challenger."""
    kinds = {column.name: column for column in table.features}
    ranked = [one["name"] for one in challenger.importance.get("features", [])][:_SLICED]
    return {
        part.words(name): part.rows
        for name in ranked
        if name in kinds
        for part in parts_of(kinds[name], table.columns[name])
        if part.is_named
    }


def _latencies(champion: TablePredictor, challenger: TablePredictor, table: TrainingTable) -> tuple[float, float]:
    """Return the milliseconds that one row takes, in the middle of some; both in turns, so that a busy machine slows both."""
    rows = table.records(_TIMED_ROWS)
    taken: tuple[list[float], list[float]] = ([], [])
    for row in rows:
        for light, own in zip((champion, challenger), taken, strict=True):
            began = time.perf_counter()
            light.predict([row])
            own.append((time.perf_counter() - began) * 1e3)
    first, second = (median(own) if own else 0.0 for own in taken)
    return first, second
