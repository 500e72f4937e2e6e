"""A drift check: read what a version answered between two times, count it beside what it learned from, judge."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.alerts.actions import end_alerts, raise_alert
from apps.alerts.models import Kind
from apps.algorithms.predictors.rows import Columns, columns_of_rows
from apps.algorithms.reference import REFERENCE, Reference, answers_as_columns
from apps.algorithms.schema import TableSchema, Task
from apps.core.artifacts import ArtifactDamaged
from apps.core.leases import LeaseLost
from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.histograms import histograms_of
from apps.monitoring.detectors.verdict import State, Verdict, judge
from apps.monitoring.engine.estimating import chances_at, chances_sample, estimate_of, hold_against_labels
from apps.monitoring.engine.performance import alert_of_performance, performance_of
from apps.monitoring.engine.sampling import RowSample
from apps.monitoring.engine.together import MOST_ROWS as MOST_TOGETHER
from apps.monitoring.engine.together import columns_together, looked_at_together, matrix_of
from apps.monitoring.lifecycle import checks
from apps.monitoring.models import DriftReport
from apps.monitoring.selectors import estimates_to_hold, last_judged
from apps.predictions.erasing import kept
from apps.predictions.models import PredictionLog
from apps.registry.files import whole_file
from apps.registry.models import ModelVersion

logger = logging.getLogger(__name__)
MOST_ROWS = 1_000_000
_ROWS_AT_ONCE = 5_000
_NAMED, _MOST_NAMED = 5, 50
_WORST_FIRST = (State.ALARM, State.DRIFTING, State.STEADY)

Counts = tuple[ColumnCounts, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What one check found."""

    verdict: Verdict
    histograms: list[dict[str, Any]]
    estimate: dict[str, Any]
    notes: list[str]

    @property
    def state(self) -> str:
        """The worst of its columns and answers; empty where nothing is known of any."""
        return next((state for state in _WORST_FIRST if any(one.state == state for one in self.verdict.every)), "")


def check(report_id: UUID, token: UUID) -> None:
    """Run a claimed check to its end."""
    report = DriftReport.objects.select_related("model", "version").get(pk=report_id)
    try:
        found = _found(report, token)
        performance = performance_of(report)
        verdict, state = found.verdict, found.state
        facts = {"rows": verdict.rows, "share": verdict.share, "state": state or DriftReport.State.UNKNOWN}
        told = {"histograms": found.histograms, "estimate": found.estimate, "performance": performance, "notes": found.notes}
        with transaction.atomic():
            if checks.complete(report_id, token, verdict=verdict.as_json(), **facts, **told):
                _alert(report, verdict, state)
                alert_of_performance(report, performance)
    except LeaseLost:
        logger.warning("Drift check %s went on elsewhere", report_id)
    except ArtifactDamaged as error:
        checks.fail(report_id, token, reason=error.detail)
    except Exception as error:
        text = f"The check stopped with {type(error).__name__}; the worker's log has the details."
        checks.fail(report_id, token, reason=text)
        raise
    else:
        hold_estimates_of(report.version)


def _alert(report: DriftReport, verdict: Verdict, state: str) -> None:
    """Tell of an alarm, or that it is over."""
    model = report.model
    key = f"drift:{model.pk}"
    if state != State.ALARM:
        if state:  # without rows enough nobody knows
            end_alerts(keys=[key], workspace_id=model.workspace_id)
        return
    alarmed = [one.column for one in verdict.every if one.state == State.ALARM]
    named = ", ".join(alarmed[:_NAMED])
    raise_alert(
        workspace_id=model.workspace_id,
        kind=Kind.DRIFT,
        key=key,
        title=f"The data of {model.name} drift.",
        sentence=f"In alarm: {named}. {verdict.rows} rows of version {report.version.number} were looked at.",
        details={"report": str(report.pk), "columns": alarmed[:_MOST_NAMED], "share": verdict.share},
        model_id=model.pk,
        model_name=model.name,
        is_lasting=True,
    )


def reference_of_version(version: ModelVersion) -> Reference:
    """Return what a version learned from, counted; raise `ArtifactDamaged` where it has none or it is not whole."""
    if REFERENCE not in version.manifest["files"]:
        raise ArtifactDamaged(
            f"Version {version.number} keeps no profile of what it learned from: it was made by an earlier release. "
            "Train the model again."
        )
    return Reference.from_json(json.loads(whole_file(version, REFERENCE).read_text()))


def _found(report: DriftReport, token: UUID) -> Found:
    version = report.version
    reference = reference_of_version(version)
    importances = {one["name"]: one["importance"] for one in version.importance.get("features", [])}
    columns: Counts = tuple(map(ColumnCounts.none_of, reference.columns))
    answers: Counts = tuple(map(ColumnCounts.none_of, reference.answers))
    together, window = columns_together(reference, importances), RowSample(MOST_TOGETHER)
    chances = chances_sample(report.model, version)
    for part in _parts(report):
        checks.hold(report.pk, token)
        columns, answers = _added(columns, part.values), _added(answers, part.answers)
        if together:
            window.offer(part.rows, partial(matrix_of, together, part.values))
        if chances is not None:
            chances.offer(part.rows, partial(chances_at, version, part.details))
    checks.hold(report.pk, token)
    whole, note = looked_at_together(version, together, window)
    checks.hold(report.pk, token)
    before = last_judged(version, before=report.since)
    verdict = judge(
        columns,
        window=f"{report.until:%Y-%m-%d %H:%M} UTC",
        answers=answers,
        previous=Verdict.from_json(before.verdict) if before else None,
        importances=importances,
        together=whole,
    )
    estimate = estimate_of(version, chances) if chances is not None else {}
    return Found(verdict, histograms_of(verdict, columns, answers), estimate, [note] if note else [])


def _added(counts: Counts, values: Columns) -> Counts:
    return tuple(own.add(values[own.reference.name]) for own in counts)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some rows of a window and what was answered, as columns, and what was said besides (`details`)."""

    rows: int
    values: Columns
    answers: Columns
    details: list[dict[str, Any]]


def _parts(report: DriftReport) -> Iterator[_Part]:
    """Yield the rows of the window and their answers, some thousand at once, up to `MOST_ROWS`, the newest."""
    schema, task = TableSchema.from_json(report.version.schema), Task(report.model.task)

    def part() -> _Part:
        return _Part(len(rows), columns_of_rows(schema, rows), answers_as_columns(task, values, details)[1], details)

    # By when they were written: what is written after a window's end is in the next one, however early it was answered.
    window = PredictionLog.objects.filter(version=report.version, logged_at__gte=report.since, logged_at__lt=report.until)
    newest = window.order_by("-logged_at").values_list("rows", "predictions", "details")
    rows: list[dict[str, Any]] = []
    values: list[Any] = []
    details: list[dict[str, Any]] = []
    read = 0
    for entry in newest.iterator(chunk_size=100):
        own, predictions, told = kept(*entry)
        rows += own
        values += predictions
        details += told
        if len(rows) >= _ROWS_AT_ONCE:
            yield part()
            read += len(rows)
            rows, values, details = [], [], []
            if read >= MOST_ROWS:
                return
    if rows:
        yield part()


def hold_estimates_of(version: ModelVersion) -> int:
    """Hold the newest estimates of a version against the labels that came since they last were; return how many there were.

    Said twice it is the same: each look is at all labels that are known by then.
    """
    due = estimates_to_hold(version)
    for report in due:
        hold_against_labels(report)
    return len(due)
