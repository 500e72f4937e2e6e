"""A measure of weighted rows is the plain one where every row counts once, and that of repeated rows where they count more."""

from dataclasses import replace

import numpy as np
import pytest

from apps.algorithms.engine import metrics
from apps.algorithms.engine.judged import JudgedAlerts, JudgedAmounts, JudgedGroups
from apps.algorithms.engine.judged_classes import JudgedClasses
from apps.algorithms.engine.ranking import Ranked

ROWS = 250


def classes(count, *, ties=False):
    chance = np.random.default_rng(count)
    truth, scores = chance.integers(0, count, ROWS), chance.normal(size=(ROWS, count))
    scores[np.arange(ROWS), truth] += 1.0
    scores = scores.round(0) if ties else scores
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    members = [np.flatnonzero(row >= 0.2).tolist() or [int(row.argmax())] for row in chances]
    held, sizes = metrics.sets_by_row(truth, members)
    judged = JudgedClasses(truth, chances, count - 2, held, sizes)
    found = metrics.classification_metrics(truth, chances, positive=count - 2) | metrics.set_metrics(truth, members)
    return judged, lambda j: metrics.classification_metrics(j.truth, j.chances, positive=count - 2), found


def amounts():
    chance = np.random.default_rng(2)
    truth = 50 + chance.normal(size=ROWS)
    values = truth + chance.normal(size=ROWS)
    judged = JudgedAmounts(truth, values, values - 1, values + 2, 0.9)
    score = lambda j: metrics.regression_metrics(j.truth, j.values, np.column_stack([j.low, j.high]))  # noqa: E731
    return judged, score, score(judged)


def alerts():
    chance = np.random.default_rng(3)
    truth = chance.random(ROWS) < 0.1
    scores = (truth + chance.normal(size=ROWS)).round(1)
    judged = JudgedAlerts(scores, scores > 1.5, truth, 0.06)
    score = lambda j: metrics.anomaly_metrics(j.scores, j.alerts, j.truth, share=j.share)  # noqa: E731
    return judged, score, score(judged)


def groups():
    chance = np.random.default_rng(4)
    rows = np.concatenate([chance.normal(size=(100, 2)), 5 + chance.normal(size=(150, 2))])
    found = np.repeat([0, 1], [110, 140])
    found[::17] = -1
    judged = JudgedGroups(found, metrics.silhouettes(rows, found), np.repeat([0, 1], [100, 150]), np.roll(found, 1))
    told = metrics.cluster_metrics(found, judged.silhouettes, judged.labels)
    told["agreement"] = metrics.agreement(found, judged.again)
    del told["clusters"]
    return judged, None, told


MADE = {
    "two": classes(2),
    "two with ties": classes(2, ties=True),
    "five": classes(5),
    "amounts": amounts(),
    "alerts": alerts(),
}


@pytest.mark.parametrize("made", [*MADE.values(), groups()], ids=[*MADE, "groups"])
def test_every_metric_can_be_taken_again_on_weights(made):
    judged, _, found = made

    again = {name: float(measure(np.ones((1, ROWS)))[0]) for name, measure in judged.measures.items()}

    assert again == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_a_row_that_counts_twice_is_two_rows(made):
    judged, score, _ = made
    counts = np.random.default_rng(9).integers(0, 3, ROWS)
    wanted = score(judged.take(np.repeat(np.arange(ROWS), counts)))

    for name, value in wanted.items():
        sorts_anew = name != "roc_auc" or judged is not MADE["five"][0]  # else the derivative by the weights stands for it
        near = 1e-9 if sorts_anew else 0.01
        assert float(judged.measures[name](counts[None].astype(float))[0]) == pytest.approx(value, abs=near), name


def test_precision_at_a_budget_is_that_of_the_highest_scores():
    scores, truth = np.arange(10.0), np.array([0, 0, 0, 0, 0, 0, 1, 0, 1, 1], dtype=bool)
    ranked, once = Ranked.of(scores, truth), np.ones((1, 10))

    assert ranked.precision_at(once, 0.2)[0] == 1.0
    assert ranked.precision_at(once, 0.3)[0] == pytest.approx(2 / 3)
    assert ranked.precision_at(once, 0.01)[0] == 1.0  # one row at least
    assert Ranked.of(np.zeros(10), truth).precision_at(once, 0.2)[0] == pytest.approx(0.3)  # all tie


def test_a_resample_of_one_class_has_no_area_and_no_other_number_fails():
    judged = MADE["two"][0]
    weights = np.stack([(judged.truth == 0).astype(float), np.ones(ROWS)])

    told = {name: measure(weights) for name, measure in judged.measures.items()}

    assert np.isnan(told["roc_auc"][0])
    assert all(np.isfinite(values[1]) for values in told.values())


def test_constant_answers_and_targets_raise_nothing():
    flat = JudgedAmounts(np.ones(20), np.ones(20))
    usual = replace(MADE["alerts"][0], truth=np.zeros(ROWS, dtype=bool))

    assert np.isnan(flat.measures["r2"](np.ones((1, 20)))[0])
    assert set(usual.measures) == {"alert_rate"}
