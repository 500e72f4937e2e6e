"""What every entry of the catalogue promises, whatever the algorithm; one from outside is held to it too."""

import copy
import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.algorithms import catalog
from apps.algorithms.base import BaseMLService, NotFitted
from apps.algorithms.engine.metrics import beats_baseline
from apps.algorithms.predictors import load_predictor
from apps.algorithms.results import Answers, Cancelled, Explanation, Quantity
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from apps.core.errors import InvalidInput, Unavailable
from tests.contracts.tables import binary_table, mixed_table, silent

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = "tests.contracts.outside"
SERVICES = catalog._entries((catalog.SERVICES, OUTSIDE))
CASES = [(service, task) for service in SERVICES for task in service.tasks]
each_case = pytest.mark.parametrize(("service", "task"), CASES, ids=[f"{s.slug}-{t}" for s, t in CASES])
each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.slug)
_fitted: dict[tuple[str, str], tuple[BaseMLService, Any]] = {}


@pytest.fixture(autouse=True)
def _the_package_from_outside(monkeypatch):
    monkeypatch.setenv(catalog.EXTRA_PACKAGES, OUTSIDE)


def fitted(service: type[BaseMLService], task: Task) -> tuple[BaseMLService, Any]:
    """Fit a service once for all tests of this file; return it with the split it learned from."""
    key = (service.slug, str(task))
    if key not in _fitted:
        split = mixed_table(task).split(task=task, test_share=0.25, seed=3)
        model = service(task=task, parameters=dict(service.fast_parameters), seed=5)
        model.fit(split.train, silent)
        _fitted[key] = model, split
    return _fitted[key]


def light_of(model: BaseMLService, folder: Path) -> Any:
    """Write a model's light form into a new folder and load it again."""
    folder.mkdir()
    model.predictor(folder)
    return load_predictor(folder)


def largest_difference(one: Answers, other: Answers) -> float:
    worst = 0.0
    for a, b, x, y in zip(one.details, other.details, one.values, other.values, strict=True):
        if "probabilities" in a:
            worst = max(worst, *(abs(a["probabilities"][k] - b["probabilities"][k]) for k in a["probabilities"]))
        elif "score" in a:
            worst = max(worst, abs(a["score"] - b["score"]))
        else:
            worst = max(worst, abs(x - y) / max(1.0, abs(x)))
    return worst


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
        elif task == Task.REGRESSION:
            low, high = details["interval"]
            assert low <= value <= high
            assert details["level"] == 0.9
        else:
            assert value in {-1, 1}
            assert 0 < details["tail_probability"] <= 1


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
    elif explanation.quantity == Quantity.MINUS_PATH_LENGTH:
        assert total < 0


@each_service
def test_bad_hyperparameters_are_refused_by_name(service):
    for parameter in service.hyperparameters:
        with pytest.raises(InvalidInput) as refused:
            service.clean_parameters({parameter.name: "nonsense" if parameter.kind != "choice" else 7})
        assert refused.value.problems[0].pointer == f"/parameters/{parameter.name}"
    with pytest.raises(InvalidInput, match="No such parameter"):
        service.clean_parameters({"no_such": 1})
    schema = service.parameters_schema()
    assert {name: field["default"] for name, field in schema["properties"].items()} == service.clean_parameters({})


@each_case
def test_rows_that_do_not_fit_are_refused_with_row_and_column(service, task, tmp_path):
    model, split = fitted(service, task)
    good = split.test.records(1)[0]
    light = light_of(model, tmp_path / "light")

    for bad, code in (
        ({**good, "extra": 1}, "unknown_column"),
        ({k: v for k, v in good.items() if k != "x0"}, "missing_column"),
        ({**good, "x0": "12"}, "wrong_type"),
        ({**good, "x0": True}, "wrong_type"),
        ({**good, "few": 3}, "wrong_type"),
        ({**good, "day": "31/12/2025"}, "wrong_type"),
    ):
        for ask in (model.predict, model.explain, light.predict, light.explain):
            with pytest.raises(InvalidInput) as refused:
                ask([good, bad])
            problem = refused.value.problems[0]
            assert problem.code == code
            assert problem.pointer.startswith("/data/1/")


@each_case
def test_what_only_a_fitted_service_knows_is_not_asked_of_another(service, task, tmp_path):
    unfitted, table = service(task=task), mixed_table(task, rows=40)

    for ask in (unfitted.predict, unfitted.explain, unfitted.evaluate, unfitted.baseline, unfitted.importance):
        with pytest.raises(NotFitted):
            ask(table if ask.__name__ in {"evaluate", "baseline", "importance"} else table.records(1))
    for write in (unfitted.save, unfitted.predictor):
        with pytest.raises(NotFitted):
            write(tmp_path)


@each_case
def test_files_are_written_into_an_empty_folder_and_read_by_their_own_service(service, task, tmp_path):
    model, _split = fitted(service, task)
    other = next(entry for entry in SERVICES if entry is not service)
    model.save(tmp_path)

    with pytest.raises(FileExistsError):
        model.save(tmp_path)
    with pytest.raises(FileExistsError):
        model.predictor(tmp_path)
    with pytest.raises(InvalidInput, match=service.slug):
        other.load(tmp_path)


@each_case
def test_data_that_cannot_be_learned_from_is_refused_in_words(service, task):
    def attempt(table: TrainingTable) -> str:
        with pytest.raises(InvalidInput) as refused:
            service(task=task, parameters=dict(service.fast_parameters)).fit(table, silent)
        return refused.value.detail

    whole = mixed_table(task, rows=60)
    assert "at least 10" in attempt(whole.take(np.arange(1)))
    assert "No feature column" in attempt(TrainingTable((), {}, 60, whole.target, whole.target_name, whole.target_kind))
    flat = TrainingTable((Column("c", ColumnKind.NUMBER),), {"c": np.ones(60)}, 60, whole.target, "y", whole.target_kind)
    assert "always holds the same value" in attempt(flat)
    if task == Task.CLASSIFICATION:
        one = whole.take(np.flatnonzero(whole.target == "low"))
        assert "Two classes at least" in attempt(mixed_with(one, ["low"] * one.rows))
        labels = ["a"] * 59 + ["b"]
        assert "single row" in attempt(mixed_with(whole, labels))
    if task == Task.REGRESSION:
        assert "predicts a number" in attempt(mixed_with(whole, ["text"] * 60, kind=ColumnKind.CATEGORY))
        assert "the same value" in attempt(mixed_with(whole, [1.0] * 60, kind=ColumnKind.NUMBER))
        assert "too large" in attempt(mixed_with(whole, [1.0, -1e39] * 30, kind=ColumnKind.NUMBER))
    if task in {Task.CLASSIFICATION, Task.REGRESSION}:
        dates = [date(2026, 1, 1 + i % 3) for i in range(60)]
        assert "holds dates" in attempt(mixed_with(whole, dates, kind=ColumnKind.DATE))


@each_case
def test_a_model_that_cannot_be_measured_is_refused_in_words(service, task):
    model, split = fitted(service, task)
    unknown = {Task.CLASSIFICATION: ["never seen"] * 2, Task.REGRESSION: [np.nan] * 2}.get(task)
    two = split.test.take(np.arange(2))

    for unmeasurable in (split.test.take(np.arange(0)), *([replace(two, target=np.array(unknown))] if unknown else [])):
        with pytest.raises(InvalidInput, match="kept apart"):
            model.evaluate(unmeasurable)


def mixed_with(table: TrainingTable, labels: list[Any], kind: ColumnKind = ColumnKind.CATEGORY) -> TrainingTable:
    return TrainingTable(table.features, table.columns, table.rows, np.array(labels, dtype=object), "y", kind)


def with_useless_columns(table: TrainingTable) -> TrainingTable:
    """Add a constant, an empty column and an identifier."""
    useless = {"flat": np.full(table.rows, 3.0), "empty": [None] * table.rows, "id": [f"id {i}" for i in range(table.rows)]}
    kinds = (ColumnKind.NUMBER, ColumnKind.CATEGORY, ColumnKind.TEXT)
    features = (*table.features, *(Column(name, kind) for name, kind in zip(useless, kinds, strict=True)))
    return replace(table, features=features, columns={**table.columns, **useless})


@each_case
def test_columns_that_teach_nothing_are_left_out_with_a_warning_and_need_not_be_sent(service, task, tmp_path):
    wider = with_useless_columns(mixed_table(task, rows=120))
    model = service(task=task, parameters=dict(service.fast_parameters))

    model.fit(wider, silent)
    model.predictor(tmp_path)

    light = load_predictor(tmp_path)
    whole = wider.records(3)
    bare = [{name: value for name, value in row.items() if name not in {"flat", "empty", "id"}} for row in whole]
    for name in ("flat", "empty", "id"):
        assert any(repr(name) in text for text in model.warnings)
    for one in (model, light):
        assert [column.name for column in one.schema.columns] == list(bare[0])
        assert [column.name for column in one.schema.unused] == ["flat", "empty", "id"]
        assert one.predict(whole) == one.predict(bare) == one.predict([whole[0], bare[1], {**bare[2], "id": 7}])
        assert list(one.explain(whole[:1])[0].contributions) == list(bare[0])
        with pytest.raises(InvalidInput) as refused:
            one.predict([whole[0], {**whole[1], "extra": 1}])
        assert [problem.pointer for problem in refused.value.problems] == ["/data/1/extra"]


@pytest.mark.parametrize("service", [s for s in SERVICES if Task.CLASSIFICATION in s.tasks], ids=lambda s: s.slug)
def test_labels_come_back_as_they_stood_in_the_data(service):
    model = service(task=Task.CLASSIFICATION, parameters=dict(service.fast_parameters))
    model.fit(binary_table(), silent)

    answers = model.predict([{"x0": 3.0, "x1": 3.0}, {"x0": -3.0, "x1": -3.0}])

    assert answers.values == [True, False]


def test_a_predictor_that_no_algorithm_here_reads_is_unavailable_in_words(tmp_path, monkeypatch):
    model = catalog.get("least_squares")(task=Task.CLASSIFICATION)
    model.fit(binary_table(), silent)
    model.predictor(tmp_path)
    assert load_predictor(tmp_path).predict([{"x0": 3.0, "x1": 3.0}]).values == [True]

    monkeypatch.delenv(catalog.EXTRA_PACKAGES)
    with pytest.raises(Unavailable, match=r"'linear'.*MLPLATFORM_ALGORITHM_PACKAGES"):
        load_predictor(tmp_path)
    (tmp_path / "predictor.json").write_text('{"format": 2, "kind": "trees"}')
    with pytest.raises(Unavailable, match="format 2"):
        load_predictor(tmp_path)


def test_a_ninth_algorithm_is_one_file_from_outside(tmp_path, monkeypatch):
    package = tmp_path / "more_algorithms"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "stump.py").write_text(
        "from apps.algorithms.services.random_forest import RandomForestService\n\n\n"
        "class StumpService(RandomForestService):\n"
        '    """One level deep."""\n\n'
        '    slug = "stump"\n    title = "Stumps"\n    fast_parameters = {"n_estimators": 10, "max_depth": 1}\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("MLPLATFORM_ALGORITHM_PACKAGES", "more_algorithms")

    service = catalog.get("stump")

    model = service(task=Task.CLASSIFICATION, parameters=dict(service.fast_parameters))
    model.fit(binary_table(), silent)
    assert "stump" in [entry.slug for entry in catalog.entries()]
    assert len(model.predict([{"x0": 1.0, "x1": None}]).values) == 1
