"""Kernel machines: what serves is what the library fitted, calibrated; what explains adds up, and comes near the exact values."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.svm import SVC

from apps.algorithms.conformal import conformal_sets
from apps.algorithms.engine import kernel_machine
from apps.algorithms.engine.held_back import held_back
from apps.algorithms.engine.kernel_machine import Settings, fit, fit_calibrated, usual_gamma
from apps.algorithms.predictors.finish import probabilities
from apps.algorithms.predictors.scaling import scaled, scaling_of
from apps.algorithms.schema import ColumnKind, Task
from apps.algorithms.services.svm import SVMService
from apps.algorithms.tables import TrainingTable
from tests.contracts.tables import mixed_table, silent


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


def test_a_class_of_a_few_rows_is_neither_sure_nor_impossible(monkeypatch):
    monkeypatch.setattr(kernel_machine, "FEW_ROWS", 100)
    rows, target = rings(1_000)
    target = np.where(np.arange(1_000) < 4, 2, target)
    left, right = next(iter(held_back(target, stratified=True, folds=False, seed=0)))
    assert (target[left] == 2).sum() == 4  # of so few none is held back
    assert not (target[right] == 2).any()

    fitted = fit_calibrated(rows, target, 3, settings(rows), silent)

    chances = probabilities("softmax", fitted.machine.outputs(rows))[:, 2]
    assert chances.min() > 1e-5
    assert chances.max() < 0.99


@pytest.mark.parametrize("classes", [5, 20])
def test_sets_of_many_classes_cover_rows_it_never_saw(classes):
    chance = np.random.default_rng(0)
    centres, target = chance.normal(size=(classes, 6)) * 2, chance.integers(0, classes, 6_000)
    rows = centres[target] + chance.normal(size=(6_000, 6)) * 1.5
    learned, apart = slice(0, 200 * classes // 2), slice(3_000, None)

    fitted = fit_calibrated(rows[learned], target[learned], classes, settings(rows), silent)

    sets = conformal_sets(fitted.held_out_chances, fitted.held_out_truth)
    assert sets is not None
    members = sets.members(probabilities("softmax", fitted.machine.outputs(rows[apart])))
    assert 0.86 <= np.mean([code in inside for code, inside in zip(target[apart], members, strict=True)]) <= 0.95


def test_contributions_come_near_the_exact_shapley_values():
    table = mixed_table(Task.CLASSIFICATION, rows=300)
    kept = ("x0", "x1", "few", "x2")
    table = TrainingTable(
        tuple(c for c in table.features if c.name in kept), {n: table.columns[n] for n in kept}, 300,
        np.where(table.target == "low", "low", "high").astype(object), "y", ColumnKind.CATEGORY,
    )  # fmt: skip
    model = SVMService(task=Task.CLASSIFICATION, parameters={}, seed=0)
    model.fit(table, silent)
    light = model.light
    row = light.encoder.encode(table.columns, table.rows)[0][0]

    found = light.parts(row, output=0)

    mine = scaled(row[None, :], light.means, light.scales)[0]
    widths = [len(encoding.features) for encoding in light.encoder.encodings]
    ends = np.cumsum(widths)
    columns = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
    exact = np.zeros(4)
    orders = list(permutations(range(4)))
    for order in orders:
        at = np.array(light.background)
        for column in order:
            before = light._outputs(at).mean()
            at[:, columns[column]] = mine[columns[column]]
            exact[column] += (light._outputs(at).mean() - before) / len(orders)
    by_column = np.add.reduceat(found, [column.start for column in columns])
    assert max(widths) > 1
    assert by_column == pytest.approx(exact, abs=0.1 * np.abs(exact).max())
    assert light.expected(output=0) + found.sum() == pytest.approx(float(light.raw(row[None, :])[0, 0]), abs=1e-9)


@pytest.mark.parametrize("values", [[1e6, 1.0], [2023.5, 0.5], [1e20, 1e18]], ids=str)
def test_scales_are_those_of_the_values_however_large_they_are(values):
    mean, spread = values
    matrix = np.random.default_rng(0).normal(mean, spread, (60_000, 2)).astype(np.float32)
    matrix[::7] = np.nan

    means, scales = scaling_of(matrix)

    assert means == pytest.approx(np.nanmean(matrix.astype(np.float64), axis=0), rel=1e-12)
    assert scales == pytest.approx(np.nanstd(matrix.astype(np.float64), axis=0), rel=1e-9)


def test_what_hardly_varies_keeps_its_scale_and_flags_do_when_asked():
    constant = np.full(100, 0.1, dtype=np.float32)
    flag = np.zeros(100, dtype=np.float32)
    flag[0], flag[1], constant[2] = 1.0, np.nan, np.nan
    matrix = np.column_stack([constant, flag, np.full(100, np.nan, dtype=np.float32)])

    assert scaling_of(matrix, keep_flags=True)[1] == pytest.approx([1.0, 1.0, 1.0])
    assert scaling_of(matrix)[1][1] == pytest.approx(np.nanstd(flag.astype(float)))


def test_some_rows_of_every_class_are_learned_from(monkeypatch):
    monkeypatch.setattr(kernel_machine, "MOST_ROWS", 100)
    target = np.where(np.arange(5_000) < 12, 1, 0)

    some = kernel_machine.rows_to_learn_from(target, 3, Settings(1.0, None, 20, seed=0))

    assert len(some) == len(set(some)) == 100
    assert (target[some] == 1).sum() == 12


def test_more_rows_than_it_can_take_are_drawn_from_and_said(monkeypatch):
    monkeypatch.setattr(kernel_machine, "MOST_ROWS", 100)
    model = SVMService(task=Task.CLASSIFICATION, parameters={}, seed=0)

    model.fit(mixed_table(Task.CLASSIFICATION), silent)

    assert "It learned from 100 rows" in " ".join(model.warnings)
