"""How well a version does in a window whose labels are not known yet, and whether labels that came contradict that.

The probabilities are first set right by what training measured (of those answered with 0.8, 0.7 were so): a forest's votes
are no probabilities of themselves. What that measuring leaves open is part of the standard error.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
from scipy.optimize import minimize

from apps.algorithms.reference import Doubles, Index
from apps.algorithms.schema import TableSchema, Task
from apps.core import clock
from apps.feedback.selectors import LabelledAnswer, labelled_answers
from apps.monitoring.detectors.finding import LEAST_ROWS
from apps.monitoring.engine.quality import LEVEL, NAMES, Estimate, contradicts, expected_quality, measured_quality
from apps.monitoring.engine.sampling import RowSample
from apps.monitoring.models import DriftReport
from apps.registry.models import ModelVersion, RegisteredModel

MOST_ROWS, _MOST_VALUES = 20_000, 40_000  # of a window; rows times classes
LEAST_APART = 0.02  # points by which an estimate may be off; of the log loss, units
_MOST_LABELLED, _LATEST = 5_000, 200
_LOOKED_BACK = timedelta(days=30)
_CERTAIN = 1e-4  # a vote of 1.0 is not taken for more than this
_LOOSE = 2.0  # how strongly the correction is held to none: as if it were known within a half
UNKNOWN_CLASS = -1
_WIDTH_95 = 2 * 1.959964


@dataclass(frozen=True, slots=True)
class Correction:
    """What sets probabilities right: a line in their log-odds; of more than two classes, of the most probable one."""

    offset: float = 0.0
    slope: float = 1.0
    positive: int | None = None

    def of(self, chances: Doubles) -> Doubles:
        """Return corrected probabilities (rows x classes)."""
        rows = np.arange(len(chances))
        at = np.full(len(chances), self.positive) if self.positive is not None else chances.argmax(axis=1)
        then = np.clip(chances[rows, at], _CERTAIN, 1 - _CERTAIN)
        now = 1 / (1 + np.exp(-(self.offset + self.slope * np.log(then / (1 - then)))))
        others = 1 - chances[rows, at]
        shared = np.divide(1 - now, others, out=np.zeros(len(now)), where=others > 0)
        corrected = chances * shared[:, None]
        corrected[others <= 0] = ((1 - now) / (chances.shape[1] - 1))[others <= 0, None]
        corrected[rows, at] = now
        return np.asarray(corrected)


def correction_of(version: ModelVersion) -> Correction:
    """Return what training measured of a version's probabilities, on rows that it had not learned from."""
    curves = version.evaluation.get("curves", {})
    names = TableSchema.from_json(version.schema).class_names
    positive = names.index(curves["positive"]) if curves.get("positive") in names else None
    bins = curves.get("calibration", [])
    if not bins or (len(names) == 2) != (positive is not None):
        return Correction(positive=positive)
    told, seen, rows = (
        np.array([one[name] for one in bins], dtype=np.float64) for name in ("predicted", "observed", "rows")
    )
    told = np.clip(told, _CERTAIN, 1 - _CERTAIN)
    odds = np.log(told / (1 - told))

    def loss(line: Doubles) -> float:
        sums = line[0] + line[1] * odds
        fit = float((rows * (np.logaddexp(0, sums) - seen * sums)).sum())
        return fit + _LOOSE * float(line[0] ** 2 + (line[1] - 1) ** 2)

    found = minimize(loss, np.array([0.0, 1.0]), method="L-BFGS-B", bounds=[(-3.0, 3.0), (0.2, 5.0)])
    return Correction(float(found.x[0]), float(found.x[1]), positive)


def chances_sample(model: RegisteredModel, version: ModelVersion) -> RowSample | None:
    """Return an empty sample of a window's probabilities; None for a model that gives none."""
    if model.task != Task.CLASSIFICATION:
        return None
    return RowSample(_most_rows(version))


def _most_rows(version: ModelVersion) -> int:
    """Return how many rows are looked at: drawing labels for them takes a second or two, however many classes there are."""
    return max(LEAST_ROWS, min(MOST_ROWS, _MOST_VALUES // max(len(version.schema["classes"]), 1)))


def chances_at(version: ModelVersion, details: Sequence[Mapping[str, Any]], places: Index) -> Doubles:
    """Return the probabilities of some answers (rows x classes); NaN where an answer does not tell them."""
    names = TableSchema.from_json(version.schema).class_names
    told = ((details[at].get("probabilities") or {}) for at in places.tolist())
    return np.array([[one.get(name, math.nan) for name in names] for one in told], dtype=np.float64)


def places_of(version: ModelVersion, labels: Sequence[Any]) -> Index:
    """Return the place of each label among a version's classes, `UNKNOWN_CLASS` of others; 1 and 1.0 are one class."""
    schema = TableSchema.from_json(version.schema)
    places: dict[Any, int] = {name: at for at, name in enumerate(schema.class_names)}
    places |= {value: at for at, value in enumerate(schema.classes)}
    return np.array([places.get(label, UNKNOWN_CLASS) for label in labels], dtype=np.int64)


def estimate_of(version: ModelVersion, sample: RowSample) -> dict[str, Any]:
    """Return what is expected of a window beside what training measured; empty where too few answers tell probabilities."""
    expected = _expected(version, sample.rows, correction_of(version))
    if not expected:
        return {}
    measures = [
        {"measure": one.measure, "value": one.value, "spread": one.spread, "measured": version.metrics.get(one.measure)}
        for one in expected.values()
    ]
    rows = next(iter(expected.values())).rows
    return {"rows": sample.offered, "sampled": rows, "measures": measures, "held": None, "is_void": False}


def _expected(version: ModelVersion, chances: Doubles, correction: Correction) -> dict[str, Estimate]:
    """Return the estimates, the error of what training measured in their standard error."""
    if len(chances) < LEAST_ROWS:
        return {}
    known = chances[np.isfinite(chances).all(axis=1)]
    found = expected_quality(correction.of(known), known.argmax(axis=1))
    return {
        name: replace(one, spread=math.hypot(one.spread, _error_of_training(version, name))) for name, one in found.items()
    }


def _error_of_training(version: ModelVersion, name: str) -> float:
    """Return the standard error of what training measured: of its interval, or of a share of so many rows."""
    ends = version.evaluation.get("intervals", {}).get("metrics", {}).get(name)
    if ends:
        return float(abs(ends[1] - ends[0])) / _WIDTH_95
    measured, rows = version.metrics.get(name), version.evaluation.get("split", {}).get("test_rows")
    if name != "accuracy" or measured is None or not rows:
        return 0.0
    return math.sqrt(max(measured * (1 - measured), 1 / rows) / rows)


def hold_against_labels(report: DriftReport, *, write: bool = True) -> dict[str, Any]:
    """Hold a report's estimate against the labels that are known by now; return it as it stands then.

    The labelled rows of the window speak; where they are too few, the latest labelled ones of the 30 days before its end.
    Each look judges anew by all labels, so that at any time one right estimate in a hundred is called void.
    """
    estimate, at = dict(report.estimate), clock.now()
    if not estimate:
        return estimate
    answers = _to_hold_against(report)
    estimate["held"] = _held(report.version, answers) if len(answers) >= LEAST_ROWS else None
    estimate["is_void"] = bool(estimate["held"]) and any(one["is_contradicted"] for one in estimate["held"]["told"])
    if write:
        DriftReport.objects.filter(pk=report.pk).update(estimate=estimate, held_at=at)
    return estimate


def _to_hold_against(report: DriftReport) -> list[LabelledAnswer]:
    latest = labelled_answers(
        report.version, since=report.until - _LOOKED_BACK, until=report.until, most=_MOST_LABELLED
    )  # the latest answer first
    own = [one for one in latest if one.logged_at >= report.since]
    return own if len(own) >= LEAST_ROWS else latest[:_LATEST]


def _held(version: ModelVersion, answers: Sequence[LabelledAnswer]) -> dict[str, Any] | None:
    """Ask whether labels contradict what is expected of these very rows.

    An answer whose true class the version does not know is wrong; ROC AUC and log loss are those of the rows of known classes.
    """
    some = answers[: _most_rows(version)]
    chances = chances_at(version, [one.details for one in some], np.arange(len(some)))
    good = np.isfinite(chances).all(axis=1) if some else np.zeros(0, dtype=bool)
    if good.sum() < LEAST_ROWS:
        return None
    chances, labels = chances[good], places_of(version, [one.label for one in some])[good]
    correction, known = correction_of(version), labels != UNKNOWN_CLASS
    measured = {}
    if known.any():
        measured = measured_quality(correction.of(chances[known]), labels[known], chances[known].argmax(axis=1))
    measured["accuracy"] = float((chances.argmax(axis=1) == labels).mean())
    of_all = _expected(version, chances, correction)
    of_known = of_all if known.all() else _expected(version, chances[known], correction)
    expected = of_known | {name: one for name, one in of_all.items() if name == "accuracy"}
    level = LEVEL / len(NAMES)  # all measures together
    told = [contradicts(one, measured, level=level, least=LEAST_APART) for one in expected.values()]
    said = [{**asdict(one), "spread": expected[one.measure].spread} for one in told if one is not None]
    return {"labels": len(labels), "at": clock.now().isoformat(), "told": said}
