"""Kernel machines: what serves is what the library fitted, calibrated; what explains adds up, and comes near the exact values."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.svm import SVC

from apps.algorithms.engine import kernel_machine
from apps.algorithms.engine.kernel_machine import Settings, fit, fit_calibrated, usual_gamma
from apps.algorithms.predictors.finish import probabilities
from apps.algorithms.schema import Task
from apps.algorithms.services.svm import SVMService
from tests.contracts.tables import binary_table, mixed_table, silent


def rings(rows: int, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make classes that no straight line sets apart: rings of growing radius, with noise."""
    chance = np.random.default_rng(seed)
    target = chance.integers(0, classes, rows)
    angle, radius = chance.uniform(0, 2 * np.pi, rows), 1.0 + target + chance.normal(0, 0.35, rows)
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), chance.normal(size=rows)])
    return (points - points.mean(axis=0)) / points.std(axis=0), target


def settings(rows: np.ndarray, **changed: Any) -> Settings:
    return replace(Settings(1.0, usual_gamma(rows), 200, seed=0), **changed)


def test_few_rows_are_fitted_as_the_library_does():
    rows, target = rings(300)

    ours = fit(rows, target, 2, settings(rows)).outputs(rows)[:, 0]

    assert ours == pytest.approx(SVC(C=1.0, gamma="scale").fit(rows, target).decision_function(rows), abs=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("few", [True, False], ids=["exact", "landmarks"])
def test_chances_are_no_worse_than_those_of_the_library_s_calibration(classes, few, monkeypatch):
    rows, target = rings(2_000, classes)
    learned, apart = slice(0, 1_200), slice(1_200, None)
    monkeypatch.setattr(kernel_machine, "FEW_ROWS", 4_000 if few else 100)

    machine = fit_calibrated(rows[learned], target[learned], classes, settings(rows), silent).machine

    chances = probabilities("sigmoid" if classes == 2 else "softmax", machine.outputs(rows[apart]))
    library = CalibratedClassifierCV(SVC(), ensemble=False).fit(rows[learned], target[learned]).predict_proba(rows[apart])
    assert log_loss(target[apart], chances) <= log_loss(target[apart], library) + 0.02
    score = {"multi_class": "ovr"} if classes > 2 else {}
    ours, theirs = (p if classes > 2 else p[:, 1] for p in (chances, library))
    assert roc_auc_score(target[apart], ours, **score) >= roc_auc_score(target[apart], theirs, **score) - 0.01


def test_a_class_that_no_row_held_back_has_is_not_impossible(monkeypatch):
    monkeypatch.setattr(kernel_machine, "FEW_ROWS", 100)
    rows, target = rings(400)
    target = np.where(np.arange(400) < 3, 2, target)

    machine = fit_calibrated(rows, target, 3, settings(rows), silent).machine

    chances = probabilities("softmax", machine.outputs(rows))
    assert np.isfinite(chances).all()
    assert (chances[:, 2] > 0).all()


def test_contributions_come_near_the_exact_shapley_values():
    table = binary_table()
    model = SVMService(task=Task.CLASSIFICATION, parameters={}, seed=0)
    model.fit(table, silent)
    light = model.light
    row = light.encoder.encode(table.columns, table.rows)[0][0]

    found = light.parts(row, output=0)

    mine = (row - light.means) / light.scales
    exact = np.zeros(2)
    for order in permutations(range(2)):
        at = np.array(light.background)
        for column in order:
            before = light._outputs(at).mean()
            at[:, column] = mine[column]
            exact[column] += (light._outputs(at).mean() - before) / 2
    assert found == pytest.approx(exact, abs=0.05 * np.abs(exact).max())
    assert light.expected(output=0) + found.sum() == pytest.approx(float(light.raw(row[None, :])[0, 0]), abs=1e-9)


def test_more_rows_than_it_can_take_are_drawn_from_and_said(monkeypatch):
    monkeypatch.setattr(kernel_machine, "MOST_ROWS", 100)
    model = SVMService(task=Task.CLASSIFICATION, parameters={}, seed=0)

    model.fit(mixed_table(Task.CLASSIFICATION), silent)

    assert "It learned from 100 rows" in " ".join(model.warnings)
