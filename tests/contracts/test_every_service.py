"""What every entry of the catalogue promises, whatever the algorithm; one from outside is held to it too."""

import copy
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from apps.algorithms.engine.metrics import beats_baseline
from apps.algorithms.predictors import load_predictor
from apps.algorithms.results import Answers, Cancelled, Explanation, Quantity
from apps.algorithms.schema import Task
from apps.algorithms.table_service import largest_difference
from tests.contracts.cases import (
    ROOT,
    each_case,
    each_service,
    fitted,
    light_of,
)
from tests.contracts.tables import mixed_table, silent


@each_service
def test_the_menu_says_what_it_is(service):
    from apps.algorithms.api.views import entry_as_json

    entry = entry_as_json(service)

    assert all(entry[name].strip() for name in ("name", "title", "summary"))
    assert entry["tasks"]


@each_case
def test_it_learns_more_than_the_trivial_baseline(service, task):
    model, split = fitted(service, task)

    evaluation, baseline = model.evaluate(split.test), model.baseline(split.test)

    assert all(np.isfinite(value) for value in evaluation.metrics.values())
    assert evaluation.main in evaluation.metrics
    assert beats_baseline(evaluation, dict(baseline.metrics))


@each_case
def test_one_answer_a_row_in_the_promised_shape(service, task):
    model, split = fitted(service, task)
    rows = split.test.records(50)

    answers = model.predict(rows)

    assert len(answers.values) == len(answers.details) == 50
    for value, details in zip(answers.values, answers.details, strict=True):
        if task == Task.CLASSIFICATION:
            assert value in {"low", "middle", "high"}
            assert sum(details["probabilities"].values()) == pytest.approx(1.0, abs=1e-9)
            assert max(details["probabilities"], key=details["probabilities"].get) == value
            assert details.get("set", [value])
            assert set(details.get("set", [value])) <= {"low", "middle", "high"}
        elif task == Task.REGRESSION:
            low, high = details["interval"]
            assert low <= value <= high
            assert details["level"] == 0.9
        elif task == Task.ANOMALY:
            assert value in {-1, 1}
            assert 0 < details["tail_probability"] <= 1
        else:
            assert task == Task.CLUSTERING
            assert (value == -1) == (details["distance"] > details["reach"])


@each_case
def test_the_light_predictor_agrees_with_the_native_model_on_holes_and_strange_categories(
    service, task, tmp_path, monkeypatch
):
    model, _split = fitted(service, task)
    model.predictor(tmp_path)
    rows = mixed_table(task, rows=1_000, seed=9).records()
    for i, row in enumerate(rows):
        if i % 7 == 0:
            row["few"] = "never seen"
        if i % 11 == 0:
            row["x0"] = row["many"] = row["day"] = None
    native = model.predict(rows)

    for kernel in ("on", "off"):
        monkeypatch.setenv("MLPLATFORM_KERNEL", kernel)
        light = load_predictor(tmp_path).predict(rows)
        assert largest_difference(native, light) <= 1e-5, kernel

    assert "never seen" in native.details[0]["warnings"][0]
    assert light.details[0]["warnings"] == native.details[0]["warnings"]


@each_case
def test_numbers_far_outside_what_was_seen_are_warned_of_row_by_row(service, task, tmp_path):
    model, split = fitted(service, task)
    model.predictor(tmp_path)
    usual = split.train.records(50)
    x0 = split.train.columns["x0"]
    low, high = float(np.nanmin(x0)), float(np.nanmax(x0))
    rows = [
        *usual,
        {**usual[0], "x0": 99},
        {**usual[0], "x0": high + 0.01 * (high - low)},
        {**usual[0], "x0": -1e300, "few": "?"},
    ]

    for answers in (model.predict(rows), load_predictor(tmp_path).predict(rows)):
        warned = {row: details["warnings"] for row, details in enumerate(answers.details) if "warnings" in details}
        assert warned == {
            50: [f"x0: 99 lies outside what was seen in training, {low:.10g} to {high:.10g}"],
            52: ["few: '?' was never seen in training", f"x0: -1e+300 lies outside what was seen in training, {low:.10g} to {high:.10g}"],
        }  # fmt: skip


@each_case
def test_the_same_seed_gives_the_same_model_and_the_threads_do_not_matter(service, task, tmp_path):
    model, split = fitted(service, task)
    again = service(task=task, parameters=dict(service.fast_parameters), seed=5, threads=2)

    again.fit(split.train, silent)

    rows = split.test.records(40)
    one, other = light_of(model, tmp_path / "one"), light_of(again, tmp_path / "other")
    assert one.predict(rows) == other.predict(rows)  # what serves is the same to the last bit
    assert largest_difference(again.predict(rows), model.predict(rows)) < 1e-12  # the library adds up in another order


@each_case
def test_a_saved_model_answers_the_same_in_a_fresh_process(service, task, tmp_path):
    model, split = fitted(service, task)
    rows = split.test.records(20)
    model.save(tmp_path)
    (tmp_path.parent / "rows.json").write_text(json.dumps(rows))
    script = (
        "import json, sys; from pathlib import Path; from apps.algorithms import catalog;"
        f"service = catalog.get({service.slug!r}).load(Path({str(tmp_path)!r}));"
        f"rows = json.loads(Path({str(tmp_path.parent / 'rows.json')!r}).read_text());"
        "answers = service.predict(rows); print(json.dumps([answers.values, answers.details]))"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    values, details = json.loads(done.stdout)
    assert largest_difference(Answers(values, details), model.predict(rows)) == pytest.approx(0.0, abs=1e-12)


@each_case
def test_progress_rises_and_the_table_is_left_as_it_was(service, task):
    table = mixed_table(task, rows=200)
    before = copy.deepcopy(table.columns)
    heard: list[float] = []
    model = service(task=task, parameters=dict(service.fast_parameters))

    model.fit(table, lambda fraction, stage, *, step=None, metrics=None: heard.append(fraction))

    assert heard == sorted(heard)
    assert 0 <= heard[0] < heard[-1] <= 1
    for name, values in before.items():
        np.testing.assert_array_equal(np.asarray(values), np.asarray(table.columns[name]))


@each_case
def test_a_live_curve_is_drawn_while_it_learns(service, task):
    points: list[tuple[int, dict[str, float]]] = []

    def listen(fraction: float, stage: str, *, step: int | None = None, metrics: Any = None) -> None:
        if step is not None and metrics:
            points.append((step, dict(metrics)))

    service(task=task, parameters=dict(service.fast_parameters)).fit(mixed_table(task), listen)

    assert len(points) >= 3
    assert [step for step, _ in points] == sorted({step for step, _ in points})
    assert all(np.isfinite(list(metrics.values())).all() for _, metrics in points)
    assert len({frozenset(metrics) for _, metrics in points}) == 1
    assert len({tuple(metrics.values()) for _, metrics in points}) >= 3


@each_case
def test_cancel_is_honoured(service, task):
    def stop(fraction: float, stage: str, *, step: int | None = None, metrics: Any = None) -> None:
        if fraction > 0.02:
            raise Cancelled

    with pytest.raises(Cancelled):
        service(task=task, parameters=dict(service.fast_parameters)).fit(mixed_table(task, rows=150), stop)


@each_case
def test_explanations_add_up_and_importance_is_sorted(service, task, monkeypatch, tmp_path):
    model, split = fitted(service, task)
    rows = split.test.records(3)
    light = light_of(model, tmp_path / "light")

    with_kernel = model.explain(rows)
    monkeypatch.setenv("MLPLATFORM_KERNEL", "off")
    with_numpy = model.explain(rows)
    importance = model.importance(split.test)

    assert light.explain(rows) == with_numpy
    for one, value, details in zip(with_kernel, model.predict(rows).values, model.predict(rows).details, strict=True):
        assert_adds_up(one, value, details)
    for one, other in zip(with_kernel, with_numpy, strict=True):
        assert one.base == pytest.approx(other.base, rel=1e-9)
        assert (one.quantity, one.of, one.output) == (other.quantity, other.of, other.output)
        assert one.of is None or str(one.of) in one.output
        assert list(one.contributions) == [column.name for column in light.schema.columns]
        for name in one.contributions:
            assert one.contributions[name] == pytest.approx(other.contributions[name], abs=1e-6)
    assert importance.rows >= 100
    assert importance.as_json()["rows"] == importance.rows
    assert all(std > 0 for _name, size, std in importance.features if size > 0)
    sizes = [size for _name, size, _std in importance.features]
    assert sizes == sorted(sizes, reverse=True)
    assert importance.features[0][0] in {"x0", "x1", "few", "many", "day", "x2"}


def assert_adds_up(explanation: Explanation, value: Any, details: dict[str, Any]) -> None:
    """Hold base and contributions against the answer, where the quantity is that of the answer."""
    total = explanation.base + sum(explanation.contributions.values())
    if explanation.quantity == Quantity.VALUE:
        assert total == pytest.approx(value, abs=1e-4)
    elif explanation.quantity == Quantity.PROBABILITY:
        assert total == pytest.approx(details["probabilities"][str(value)], abs=1e-5)
    elif explanation.quantity == Quantity.LOG_ODDS:
        assert 1 / (1 + np.exp(-total)) == pytest.approx(details["probabilities"][str(value)], abs=1e-5)
    elif explanation.quantity == Quantity.SQUARED_DISTANCE:
        assert total == pytest.approx(details["distance"] ** 2, abs=1e-9)
    elif explanation.quantity == Quantity.MINUS_PATH_LENGTH:
        assert total < 0
