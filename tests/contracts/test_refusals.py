"""What every service refuses: settings, rows, files and data that cannot be learned from, each in words."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from apps.algorithms import catalog
from apps.algorithms.base import NotFitted
from apps.algorithms.predictors import load_predictor
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from apps.core.errors import InvalidInput, Unavailable
from tests.contracts.cases import OF_TABLES, SERVICES, each_case, each_service, fitted, light_of
from tests.contracts.tables import binary_table, mixed_table, silent


@each_service
def test_bad_hyperparameters_are_refused_by_name(service):
    for parameter in service.hyperparameters:
        with pytest.raises(InvalidInput) as refused:
            service.clean_parameters({parameter.name: "nonsense" if parameter.kind != "choice" else 7})
        assert refused.value.problems[0].pointer == f"/parameters/{parameter.name}"
    with pytest.raises(InvalidInput, match="There is no parameter"):
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
    other = next(entry for entry in OF_TABLES if entry is not service)
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
