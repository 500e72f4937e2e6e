"""What every forecasting entry of the catalogue promises, whatever the algorithm."""

import copy
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apps.algorithms.base import BaseMLService, NotFitted
from apps.algorithms.engine.metrics import beats_baseline
from apps.algorithms.forecast_service import ForecastService
from apps.algorithms.predictors import load_predictor
from apps.algorithms.predictors.calendar import Calendar, Unit
from apps.algorithms.results import Cancelled, Quantity
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.core.errors import InvalidInput
from tests.contracts.cases import ROOT, SERVICES
from tests.contracts.series import DAYS, series_of, weekly_series
from tests.contracts.tables import silent

FORECASTING = [service for service in SERVICES if service.input_kind == "series"]
each_service = pytest.mark.parametrize("service", FORECASTING, ids=lambda service: service.slug)
_fitted: dict[str, tuple[Any, Any, Any]] = {}


def made(service: type[BaseMLService], **parameters: Any) -> Any:
    return service(task=Task.FORECAST, parameters={**service.fast_parameters, **parameters}, seed=5)


def fitted(service: type[BaseMLService]) -> tuple[Any, Any, Any]:
    """Fit a service once for all tests of this file; return it with the split and the evaluation of what came first."""
    if service.slug not in _fitted:
        model, data = made(service), weekly_series()
        split = model.split(data, test_share=0.2)
        model.fit(split.train, silent)
        told = model.evaluate(split.test), model.baseline(split.test), model.importance(split.test)
        model.fit(data, silent)
        _fitted[service.slug] = model, split, told
    return _fitted[service.slug]


@each_service
def test_it_is_better_than_repeating_the_last_week(service):
    _model, _split, (evaluation, baseline, importance) = fitted(service)

    assert all(np.isfinite(value) for value in evaluation.metrics.values())
    assert beats_baseline(evaluation, dict(baseline.metrics))
    assert {"mase", "smape", "mae", "rmse", "within_tolerance", "interval_coverage"} <= evaluation.metrics.keys()
    assert 0.7 <= evaluation.metrics["interval_coverage"] <= 1.0
    sizes = [size for _name, size, _std in importance.features]
    assert sizes == sorted(sizes, reverse=True)
    assert importance.rows > 0


@each_service
def test_each_step_of_each_series_is_answered_in_order(service, tmp_path):
    model, split, _told = fitted(service)
    model.predictor(tmp_path)

    answers = load_predictor(tmp_path).predict([])

    names = [detail["series"] for detail in answers.details]
    assert names == [f"shop {number}" for number in range(3) for _ in range(model.horizon)]
    assert [detail["timestamp"] for detail in answers.details[: model.horizon]] == DAYS.written(
        150 + np.arange(model.horizon)
    )
    assert answers.asked == [{"day": one["timestamp"], "shop": one["series"]} for one in answers.details]
    for value, detail in zip(answers.values, answers.details, strict=True):
        assert detail["interval"][0] <= value <= detail["interval"][1]
    saturdays = [v for v, d in zip(answers.values, answers.details, strict=True) if d["timestamp"] == "2026-06-06"]
    tuesdays = [v for v, d in zip(answers.values, answers.details, strict=True) if d["timestamp"] == "2026-06-09"]
    assert all(high > low + 30 for high, low in zip(saturdays, tuesdays, strict=False))
    assert split.test.rows > 50


@each_service
def test_the_light_form_agrees_with_the_library_also_after_posted_rows(service, tmp_path):
    model, split, _told = fitted(service)
    model.predictor(tmp_path)
    light = load_predictor(tmp_path)
    rows = [{"day": str(DAYS.written(np.array([150 + i]))[0]), "shop": "shop 1", "sales": 250.0 + i} for i in range(9)]
    rows[4]["sales"] = None

    native, served = model.predict(rows), light.predict(rows)

    assert model.difference(split.test, tmp_path) <= 1e-5
    assert served.values == pytest.approx(native.values, rel=1e-5)
    assert served.details[0]["timestamp"] == DAYS.written(np.array([159]))[0]


@each_service
def test_more_series_than_are_answered_at_once_are_compared_in_part(service, tmp_path, monkeypatch):
    model, split, _told = fitted(service)
    model.predictor(tmp_path)
    monkeypatch.setattr("apps.algorithms.predictors.forecast.MOST_ANSWERS", 2 * model.horizon)

    with pytest.raises(InvalidInput, match="at most 14"):
        load_predictor(tmp_path).predict([])
    assert model.difference(split.test, tmp_path) <= 1e-5


@each_service
def test_the_same_seed_gives_the_same_answers_and_the_threads_do_not_matter(service, tmp_path):
    model, _split, _told = fitted(service)
    again = service(task=Task.FORECAST, parameters=dict(service.fast_parameters), seed=5, threads=2)

    again.fit(weekly_series(), silent)

    for name, one in (("one", model), ("other", again)):
        (tmp_path / name).mkdir()
        one.predictor(tmp_path / name)
    assert load_predictor(tmp_path / "one").predict([]).values == load_predictor(tmp_path / "other").predict([]).values


@each_service
def test_a_saved_model_answers_the_same_in_a_fresh_process(service, tmp_path):
    model, _split, _told = fitted(service)
    model.save(tmp_path)
    script = (
        "import json; from pathlib import Path; from apps.algorithms import catalog;"
        f"service = catalog.get({service.slug!r}).load(Path({str(tmp_path)!r}));"
        "print(json.dumps(service.predict([]).values))"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(model.predict([]).values, rel=1e-9)


@each_service
def test_progress_rises_a_curve_is_drawn_and_the_data_are_left_as_they_were(service):
    data = weekly_series()
    before = copy.deepcopy([one.values for one in data.series])
    heard: list[float] = []
    points: list[tuple[int, dict[str, float]]] = []

    def listen(fraction: float, stage: str, *, step: int | None = None, metrics: Any = None) -> None:
        heard.append(fraction)
        if step is not None and metrics:
            points.append((step, dict(metrics)))

    made(service).fit(data, listen)

    assert heard == sorted(heard)
    assert 0 <= heard[0] < heard[-1] <= 1
    assert len(points) >= 3
    assert [step for step, _ in points] == sorted({step for step, _ in points})
    assert len({tuple(metrics.values()) for _, metrics in points}) >= 3
    for one, values in zip(data.series, before, strict=True):
        np.testing.assert_array_equal(one.values, values)


@each_service
def test_cancel_is_honoured(service):
    def stop(fraction: float, stage: str, *, step: int | None = None, metrics: Any = None) -> None:
        if fraction > 0.02:
            raise Cancelled

    with pytest.raises(Cancelled):
        made(service).fit(weekly_series(), stop)


@each_service
def test_explanations_add_up(service):
    model, _split, _told = fitted(service)

    explained, answers = model.explain([]), model.light.predict([])

    for one, value in zip(explained, answers.values, strict=True):
        assert one.quantity == Quantity.VALUE
        assert one.base + sum(one.contributions.values()) == pytest.approx(value, rel=1e-6)


@each_service
@pytest.mark.parametrize(
    ("values", "parameters", "words"),
    [
        ([1.0, 2.0], {"horizon": None}, "at least 12"),
        ([7.0] * 40, {"horizon": None}, "the same"),
        ([float(i % 5) for i in range(40)], {"horizon": 30}, "horizon of 13 or less"),
    ],
)
def test_series_that_cannot_be_learned_from_are_refused_in_words(service, values, parameters, words):
    model = made(service, **parameters)

    with pytest.raises(InvalidInput, match=words):
        model.split(series_of(values), test_share=0.2)


@each_service
def test_a_short_series_of_few_steps_can_be_learned(service, tmp_path):
    chance = np.random.default_rng(1)
    model = made(service, horizon=None)
    data = series_of((10 + np.arange(14) + chance.normal(size=14)).tolist())
    model.fit(model.split(data, test_share=0.2).train, silent)
    model.predictor(tmp_path)

    values = load_predictor(tmp_path).predict([]).values

    assert np.isfinite(values).all()
    assert 0 < min(values) < max(values) < 60


@each_service
@pytest.mark.parametrize("time", [1e300, -1e300, 2.0**60])
def test_a_row_at_a_number_past_counting_is_refused(service, time, tmp_path):
    numbered = replace(series_of([float(i % 7) for i in range(60)]), calendar=Calendar(Unit.NUMBER, 1, 0.0))
    model = made(service)
    model.fit(replace(numbered, columns=(Column("day", ColumnKind.NUMBER),)), silent)

    with pytest.raises(InvalidInput, match="lies on no step") as refused:
        model.predict([{"day": time, "sales": 5.0}])

    assert [problem.code for problem in refused.value.problems] == ["off_step"]


@each_service
def test_only_a_fitted_service_is_asked(service, tmp_path):
    unfitted = made(service)

    for ask in (lambda: unfitted.predict([]), lambda: unfitted.evaluate(None), lambda: unfitted.save(tmp_path)):
        with pytest.raises(NotFitted):
            ask()
    assert issubclass(service, ForecastService)


@each_service
@pytest.mark.parametrize(
    ("kind", "named", "cells"),
    [
        (ColumnKind.INTEGER, ("1", "2"), (1, 2)),
        (ColumnKind.NUMBER, ("1.0", "2.5"), (1, 2.5)),
        (ColumnKind.BOOLEAN, ("False", "True"), (False, True)),
        (ColumnKind.DATE, ("2026-01-01", "2026-01-02"), ("2026-01-01", "2026-01-02")),
    ],
)
def test_series_may_be_named_by_other_things_than_texts(service, kind, named, cells):
    of_two = weekly_series(2, 80)
    series = tuple(replace(one, name=name) for one, name in zip(of_two.series, named, strict=True))
    columns = (Column("day", ColumnKind.DATE), Column("shop", kind))
    model = made(service, horizon=7)
    model.fit(replace(of_two, series=series, columns=columns), silent)
    after = [str(one) for one in DAYS.written(80 + np.arange(2))]

    answered = model.predict([{"day": after[0], "shop": cells[0], "sales": 500.0}])

    assert {one["series"] for one in answered.details} == {named[0]}
    assert answered.details[0]["timestamp"] == after[1]  # the posted row is heeded


@each_service
def test_posted_rows_that_change_nothing_are_told(service):
    model = made(service, horizon=7)
    model.fit(series_of([float(i % 7) for i in range(80)]), silent)

    answered = model.predict([{"day": "2025-12-01", "sales": 500.0}])

    told = "Posted rows that lie before what the forecast goes by, and change nothing: 1."
    assert all(told in one["warnings"] for one in answered.details)
    assert answered.values == model.predict([]).values


@each_service
def test_rows_of_days_of_a_place_are_posted_with_its_offset(service):
    of_paris = Calendar(Unit.SECOND, 86_400, 1_767_225_600.0, zone="Europe/Paris")  # from 1 January 2026 on
    data = replace(series_of([float(i % 7) for i in range(80)]), calendar=of_paris)  # the last one is 21 March
    model = made(service, horizon=9)
    model.fit(replace(data, columns=(Column("day", ColumnKind.DATETIME),)), silent)

    answered = model.predict([{"day": "2026-03-22T00:00:00+01:00", "sales": 5.0}])

    assert [answered.details[at]["timestamp"] for at in (0, 6, 7)] == [
        "2026-03-23T00:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00",
    ]  # fmt: skip
    for time in ("2026-03-02", None):
        with pytest.raises(InvalidInput, match="clocks of Europe/Paris: write them as 2026-01-01T00:00:00"):
            model.predict([{"day": time, "sales": 5.0}])
