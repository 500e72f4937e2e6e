"""Which answers of a request are alerts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNUSUAL = -1


@dataclass(frozen=True, slots=True)
class Alerting:
    """What counts as an alert: `labels` of a model of classes, what is unusual otherwise; from `least_score` on."""

    labels: tuple[Any, ...] | None = None
    least_score: float | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """One answer that is an alert: its place in the request, what was answered, and how strongly.

    The score is the model's own, higher the more unusual; of classes it is the probability of what was answered.
    """

    place: int
    predicted: Any
    score: float
    tail_probability: float | None = None


def alerts_among(alerting: Alerting, predictions: Sequence[Any], details: Sequence[Mapping[str, Any]]) -> tuple[Alert, ...]:
    """Return the answers of one request that are alerts, in order."""
    found = _unusual(predictions, details) if alerting.labels is None else _named(alerting.labels, predictions, details)
    least = alerting.least_score
    return tuple(found) if least is None else tuple(one for one in found if one.score >= least)


def _unusual(predictions: Sequence[Any], details: Sequence[Mapping[str, Any]]) -> list[Alert]:
    return [
        Alert(place, answer, float(told["score"]), told.get("tail_probability"))
        for place, (answer, told) in enumerate(zip(predictions, details, strict=True))
        if answer == UNUSUAL
    ]


def _named(labels: Sequence[Any], predictions: Sequence[Any], details: Sequence[Mapping[str, Any]]) -> list[Alert]:
    wanted = set(map(label_key, labels))
    return [
        Alert(place, answer, float(told["probabilities"][_as_name(answer)]))
        for place, (answer, told) in enumerate(zip(predictions, details, strict=True))
        if label_key(answer) in wanted
    ]


def label_key(label: Any) -> tuple[bool, Any]:
    """Return what tells labels apart: true is not 1."""
    return isinstance(label, bool), label


def _as_name(label: Any) -> str:
    return json.dumps(label) if isinstance(label, bool) else str(label)
