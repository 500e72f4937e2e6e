"""What is expected without labels is what labels give where probabilities are right, and is contradicted where they are not."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from apps.monitoring.engine.quality import Estimate, contradicts, expected_quality, measured_quality


def calibrated(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    chances = chance.dirichlet(np.full(classes, 0.6), rows)
    return chances, (chance.random((rows, 1)) > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("classes", [2, 4])
def test_expected_measures_are_those_of_labels_within_their_error(classes):
    chances, labels = calibrated(4_000, classes, 0)

    expected, measured = expected_quality(chances), measured_quality(chances, labels)

    assert set(expected) == {"accuracy", "roc_auc", "log_loss"}
    for name, one in expected.items():
        assert 0 < one.spread < 0.03
        assert measured[name] == pytest.approx(one.value, abs=4 * one.spread)
        assert not contradicts(one, measured).is_contradicted


def test_measures_are_those_of_scikit_learn():
    chances, labels = calibrated(500, 2, 1)
    many, of_many = calibrated(500, 3, 1)

    assert measured_quality(chances, labels)["roc_auc"] == pytest.approx(roc_auc_score(labels, chances[:, 1]))
    assert measured_quality(many, of_many)["roc_auc"] == pytest.approx(roc_auc_score(of_many, many, multi_class="ovr"))
    assert measured_quality(many, of_many)["log_loss"] == pytest.approx(log_loss(of_many, many))


def test_the_expected_ranking_is_that_of_all_pairs():
    own = np.round(calibrated(40, 2, 2)[0][:, 1], 1)
    weights = own[:, None] * (1 - own) * ~np.eye(40, dtype=bool)
    right = (own[:, None] > own) + (own[:, None] == own) / 2

    found = expected_quality(np.column_stack([1 - own, own]))

    assert found["roc_auc"].value == pytest.approx((weights * right).sum() / weights.sum(), abs=1e-12)


def test_right_estimates_are_contradicted_as_often_as_the_level_says():
    wrong = 0
    for seed in range(25):
        chances, labels = calibrated(300, 2, seed)
        measured = measured_quality(chances, labels)
        wrong += sum(contradicts(one, measured, level=0.05).is_contradicted for one in expected_quality(chances).values())

    assert wrong <= 0.05 * 75 + 6


def test_labels_of_another_concept_contradict_the_estimate():
    chances, labels = calibrated(600, 2, 3)
    turned = np.where(np.random.default_rng(3).random(600) < 0.2, 1 - labels, labels)
    measured = measured_quality(chances, turned)

    for one in expected_quality(chances).values():
        told = contradicts(one, measured)

        assert told.is_contradicted
        assert told.sentence.endswith("the estimate is no longer to be trusted.")


def test_probabilities_that_are_none_are_passed_over():
    chances, _ = calibrated(100, 2, 4)
    spoilt = np.concatenate([chances, [[np.nan, 1.0], [np.inf, 0.0], [2.0, -1.0], [0.1, 0.1]]])

    assert expected_quality(spoilt)["accuracy"] == expected_quality(chances)["accuracy"]
    for nothing in (np.zeros((0, 2)), np.ones((50, 1)), np.full((50, 2), np.nan), chances[:29], np.ones(50)):
        assert expected_quality(nothing) == {}
    sure = expected_quality(np.tile([1.0, 0.0], (50, 1)))
    assert (sure["accuracy"].value, sure["accuracy"].spread) == (1.0, 0.0)
    assert "roc_auc" not in sure
    assert contradicts(sure["accuracy"], {"accuracy": 0.98}).is_contradicted
    assert contradicts(sure["accuracy"], {}) is None


def test_what_is_sure_and_too_little_to_matter_contradicts_nothing():
    sure = Estimate("accuracy", 0.9, 0.001, 100_000)

    small, large = (contradicts(sure, {"accuracy": value}, least=0.02) for value in (0.91, 0.87))

    assert (small.is_contradicted, small.p_value < 0.01) == (False, True)
    assert small.sentence.endswith("that is too little to matter.")
    assert large.is_contradicted


def test_answers_that_are_not_the_most_probable_class_are_judged_as_they_were_given():
    chances, labels = calibrated(2_000, 2, 5)
    always = np.ones(len(labels), dtype=np.int64)

    expected, measured = expected_quality(chances, always), measured_quality(chances, labels, always)

    assert expected["accuracy"].value == pytest.approx(chances[:, 1].mean())
    assert measured["accuracy"] == pytest.approx((labels == 1).mean())
