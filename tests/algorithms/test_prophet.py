"""Prophet through the service is Prophet run by hand, holidays and covariates included."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.algorithms.predictors import load_predictor
from apps.algorithms.predictors.calendar import DAY, Calendar, Unit
from apps.algorithms.roles import Roles
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.series import OneSeries, TrainingSeries
from apps.algorithms.services.prophet import ProphetService
from apps.core.errors import InvalidInput
from tests.contracts.series import series_of
from tests.contracts.tables import silent

STEPS, HORIZON = 800, 30
FIRST = np.datetime64("2024-01-01", "D")
DAYS = Calendar(Unit.SECOND, DAY, float(FIRST.astype("datetime64[s]").astype(np.int64)), is_date=True)


def shop() -> tuple[pd.DataFrame, TrainingSeries]:
    """Make two years of a shop that is closed on holidays and sells more with a price cut known ahead."""
    chance = np.random.default_rng(0)
    stamps = FIRST + np.arange(STEPS)
    cut = chance.integers(0, 2, STEPS).astype(float) * 3
    values = (
        50 + 0.02 * np.arange(STEPS) + 10 * np.sin(2 * np.pi * np.arange(STEPS) / 7) + 4 * cut + chance.normal(size=STEPS)
    )
    values[(stamps.astype(str) == "2025-05-01") | (stamps.astype(str) == "2024-05-01")] = 5.0
    columns = (Column("day", ColumnKind.DATE), Column("cut", ColumnKind.NUMBER))
    one = OneSeries("", 0, values, cut[:, None])
    data = TrainingSeries(DAYS, (one,), columns, Roles("day", "sales", covariates=("cut",)), ColumnKind.NUMBER)
    return pd.DataFrame({"ds": stamps.astype("datetime64[ns]"), "y": values, "cut": cut}), data


@pytest.mark.parametrize("mode", ["additive", "multiplicative"])
def test_it_equals_the_library_run_by_hand(mode, tmp_path):
    from prophet import Prophet

    frame, data = shop()
    by_hand = Prophet(seasonality_mode=mode, uncertainty_samples=0)
    by_hand.add_country_holidays("FR")
    by_hand.add_regressor("cut")
    by_hand.fit(frame, seed=0)
    future = by_hand.make_future_dataframe(HORIZON, include_history=False)
    future["cut"] = np.arange(HORIZON) % 3
    expected = by_hand.predict(future)
    service = ProphetService(task=Task.FORECAST, parameters={"horizon": HORIZON, "seasonality_mode": mode})
    service.fit(data, silent)
    service.predictor(tmp_path)
    rows: list[dict[str, Any]] = [
        {"day": str(FIRST + STEPS + i), "sales": None, "cut": float(i % 3)} for i in range(HORIZON)
    ]
    light = load_predictor(tmp_path)

    explained = light.explain(rows)

    assert light.predict(rows).values == pytest.approx(expected["yhat"].tolist(), rel=1e-6)  # noqa: PD011
    size = expected["trend"].to_numpy() if mode == "multiplicative" else 1.0
    for name in ("weekly", "yearly", "holidays"):
        told = [one.contributions[name] for one in explained]
        assert told == pytest.approx((expected[name].to_numpy() * size).tolist(), abs=1e-6)
    cuts = [one.contributions["cut"] for one in explained]
    assert cuts[2] - cuts[1] == pytest.approx(4.0, abs=0.5)


def test_what_is_known_ahead_must_be_posted(tmp_path):
    _frame, data = shop()
    service = ProphetService(task=Task.FORECAST, parameters={"horizon": HORIZON, "holidays": "none"})
    service.fit(data, silent)
    service.predictor(tmp_path)
    light = load_predictor(tmp_path)

    with pytest.raises(
        InvalidInput, match=r"needs 'cut' for the 5 steps ahead; 5 of them are not there, the first at 2026-03-11"
    ):
        light.forecast(horizon=5)
    row = {"day": str(FIRST + STEPS), "sales": None, "cut": 1.0}
    with pytest.raises(InvalidInput, match="4 of them"):
        light.forecast(horizon=5, rows=[row])
    assert len(light.forecast(horizon=1, rows=[row]).details) == 1


def test_bounds_after_posted_rows_are_as_wide_as_so_many_steps_later(tmp_path):
    _frame, data = shop()
    service = ProphetService(task=Task.FORECAST, parameters={"horizon": HORIZON, "holidays": "none"})
    service.fit(data, silent)
    service.predictor(tmp_path)
    light = load_predictor(tmp_path)
    posted = [{"day": str(FIRST + STEPS + i), "sales": 999.0 if i < 10 else None, "cut": 1.0} for i in range(HORIZON)]
    nothing_known = [{**row, "sales": None} for row in posted]

    later, straight = light.forecast(horizon=20, rows=posted), light.forecast(horizon=30, rows=nothing_known)

    assert later.values == pytest.approx(straight.values[10:])  # noqa: PD011
    assert [one["interval"] for one in later.details] == [pytest.approx(one["interval"]) for one in straight.details[10:]]
    assert (
        "values of the last 10 steps say where the forecast begins, and are not learned from"
        in later.details[0]["warnings"][0]
    )
    assert "warnings" not in straight.details[0]


def test_series_of_numbered_steps_have_the_season_that_was_found(tmp_path):
    chance = np.random.default_rng(0)
    values = 20 + 5 * np.sin(2 * np.pi * np.arange(160) / 10) + chance.normal(scale=0.3, size=160)
    service = ProphetService(task=Task.FORECAST, parameters={"horizon": 10})
    data = series_of(values.tolist(), calendar=Calendar(Unit.NUMBER, 1, 0.0))

    service.fit(data, silent)
    service.predictor(tmp_path)

    assert service.season == 10
    expected = 20 + 5 * np.sin(2 * np.pi * np.arange(160, 170) / 10)
    assert load_predictor(tmp_path).predict([]).values == pytest.approx(expected.tolist(), abs=1.0)  # noqa: PD011
    assert service.difference(data, tmp_path) < 1e-9


@pytest.mark.parametrize(("steps", "is_yearly"), [(820, True), (700, False)])
def test_what_is_measured_has_the_yearly_season_of_what_learns_from_everything(steps, is_yearly):
    """Four fifths of 820 days are under two years, and the library by itself would give them none."""
    days = np.arange(steps)
    values = 100 + 20 * np.sin(2 * np.pi * days / 365.25) + np.random.default_rng(0).normal(size=steps)
    data = TrainingSeries(
        DAYS,
        (OneSeries("", 0, values, np.zeros((steps, 0))),),
        (Column("day", ColumnKind.DATE),),
        Roles("day", "sales"),
        ColumnKind.NUMBER,
    )
    service = ProphetService(task=Task.FORECAST, parameters={**ProphetService.fast_parameters, "horizon": HORIZON}, seed=5)

    split = service.split(data, test_share=0.2)
    service.fit(split.train, silent)
    measured = service.native[0].seasonalities
    error = service.evaluate(split.test).metrics["mase"]
    service.fit(data, silent)

    assert ("yearly" in measured, "yearly" in service.native[0].seasonalities) == (is_yearly, is_yearly)
    assert not is_yearly or error < 2
