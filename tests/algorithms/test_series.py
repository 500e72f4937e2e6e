"""Tables read as series: on steps, gaps and repeated times told, hostile ones refused in words."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.algorithms.roles import Roles
from apps.algorithms.schema import Column, ColumnKind
from apps.algorithms.series import TrainingSeries
from apps.algorithms.tables import INSTANTS, OFFSET
from apps.core.errors import InvalidInput

FIRST = np.datetime64("2026-01-05", "D")


def series_in(folder: Path, times: Any, values: Any, names: Any = None, **more: Any) -> TrainingSeries:
    """Write columns as the canonical table and read them."""
    columns = {"t": pa.array(times), "y": pa.array(values, pa.float64())}
    if names is not None:
        columns["name"] = pa.array(names, pa.string())
    covariates = more.pop("covariates", {})
    columns |= {name: pa.array(own, pa.float64()) for name, own in covariates.items()}
    pq.write_table(pa.table(columns), folder / "t.parquet")
    kind = {pa.int64(): ColumnKind.INTEGER, pa.date32(): ColumnKind.DATE}.get(columns["t"].type, ColumnKind.DATETIME)
    kinds = {"t": kind, "y": ColumnKind.NUMBER, "name": ColumnKind.CATEGORY}
    kinds |= dict.fromkeys(covariates, ColumnKind.NUMBER)
    read = [Column(name, kinds[name]) for name in columns]
    roles = Roles("t", "y", "name" if names is not None else "", tuple(covariates))
    asked = {"frequency": "found", "repeated": "refused", "zone": "Europe/Paris", **more}
    return TrainingSeries.from_parquet(folder / "t.parquet", columns=read, roles=roles, **asked)


def days(count: int) -> list[Any]:
    return [(FIRST + i).item() for i in range(count)]


def test_unsorted_rows_of_several_series_come_in_order_with_their_gaps(tmp_path):
    times = [*days(20), *days(24)[4:]]
    values = [*range(20), *range(104, 124)]
    names = ["b"] * 20 + ["a"] * 20
    order = np.random.default_rng(0).permutation(40)
    order = order[order != 7]  # a step of "b" without a row

    found = series_in(tmp_path, *([column[i] for i in order] for column in (times, values, names)))

    assert [(one.name, one.first, len(one.values)) for one in found.series] == [("a", 4, 20), ("b", 0, 20)]
    assert np.flatnonzero(np.isnan(found.series[1].values)).tolist() == [7]
    assert found.series[0].values.tolist() == list(range(104, 124))
    assert found.notes == ("1 steps of one day have no value; they count as not known.",)


def test_rows_without_time_value_or_name_are_left_out_and_told(tmp_path):
    found = series_in(tmp_path, [None, *days(20)[1:]], [0.0, None, *range(2, 20)], ["a", "a", None, *["a"] * 17])

    assert found.rows == 17
    assert found.notes[0].startswith("3 rows without")


def test_repeated_times_are_refused_summed_or_averaged(tmp_path):
    times, values = [*days(20), days(20)[3]], [*[1.0] * 20, 5.0]

    with pytest.raises(InvalidInput, match="repeat the time of another row, the first in the series at 2026-01-08"):
        series_in(tmp_path, times, values)

    assert series_in(tmp_path, times, values, repeated="sum").series[0].values[3] == 6.0
    assert series_in(tmp_path, times, values, repeated="mean").series[0].values[3] == 3.0


def test_movements_are_summed_by_month_and_a_step_without_any_is_zero(tmp_path):
    times = [np.datetime64(text).item() for text in ("2026-01-03", "2026-01-30", "2026-03-02", "2026-03-05")]

    found = series_in(tmp_path, times, [1.0, 2.0, 4.0, 8.0], frequency="month", repeated="sum")

    assert found.series[0].values.tolist() == [3.0, 0.0, 12.0]
    assert found.calendar.written(np.arange(3)) == ["2026-01-01", "2026-02-01", "2026-03-01"]


def test_the_hour_shown_twice_when_clocks_go_back_is_averaged_and_told(tmp_path):
    start = np.datetime64("2026-10-24T00:00:00")
    times = [(start + np.timedelta64(i, "h")).item() for i in range(48)]
    times.insert(27, times[26])  # 25 October, 02:00

    found = series_in(tmp_path, times, [float(i) for i in range(49)])

    assert found.calendar.name == "hour"
    assert found.series[0].values[26] == 26.5
    assert "clocks are put back" in found.notes[0]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([*days(20), np.datetime64("9999-12-31").item()], "goes from 2026-01-05 to 9999-12-31"),
        ([days(400)[i] for i in (0, 1, 2, 3, 4, 200, 399)], "only 2% of its steps"),
        ([np.datetime64(f"2026-01-{d:02}T0{d % 7}:{d:02}:00").item() for d in range(1, 28)], "not regular|goes from"),
    ],
)  # fmt: skip
def test_mistaken_times_are_refused_before_room_is_made_for_them(times, words, tmp_path):
    with pytest.raises(InvalidInput, match=words):
        series_in(tmp_path, times, [1.0] * len(times))


def test_too_many_series_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("apps.algorithms.series.MOST_SERIES", 3)
    with pytest.raises(InvalidInput, match="4 series; at most 3"):
        series_in(tmp_path, days(20), [1.0] * 20, [f"s{i % 4}" for i in range(20)])


def test_covariates_are_filled_between_their_neighbours(tmp_path):
    found = series_in(
        tmp_path, days(20), [1.0] * 20, covariates={"price": [1.0, None, 3.0, *[None] * 17], "none": [None] * 20}
    )

    prices, nothing = found.series[0].covariates.T
    assert prices[:4].tolist() == [1.0, 2.0, 3.0, 3.0]
    assert (nothing == 0).all()


def test_the_end_of_each_series_is_kept_apart_with_what_came_before_it(tmp_path):
    found = series_in(tmp_path, [*days(40), *days(30)], list(range(70)), ["a"] * 40 + ["b"] * 30)

    split = found.split(test_share=0.2, horizon=7)

    assert [len(one.values) for one in split.train.series] == [32, 23]
    assert [(len(one.values), one.begins) for one in split.test.series] == [(40, 32), (30, 23)]
    assert (split.train.rows, split.test.rows) == (55, 15)
    kept = found.at_least(35, learned=lambda one: len(one.values))
    assert [one.name for one in kept.series] == ["a"]
    assert "1 series of fewer than 35 steps are left out: 'b'" in kept.notes[0]


def test_of_a_series_two_values_must_be_known_before_what_is_forecast(tmp_path):
    places = [*range(12), 0, *range(6, 12)]
    times = [days(12)[place] for place in places]
    found = series_in(tmp_path, times, list(range(19)), ["a"] * 12 + ["b"] * 7)

    assert [one.name for one in found.at_least(12, learned=lambda _: 7).series] == ["a", "b"]
    assert [one.name for one in found.at_least(12, learned=lambda _: 6).series] == ["a"]
    with pytest.raises(InvalidInput, match="No series has 12 steps with two known values before"):
        found.at_least(12, learned=lambda _: 1)


def instants_in(folder: Path, hours: int, *, zone: str = "Europe/Paris", offset: str = "", **more: Any) -> TrainingSeries:
    """Read so many hours from 20 March 2026, 23:30 UTC, on which clocks show the day's first half hour in Paris."""
    first = np.datetime64("2026-03-20T23:30:00", "us")
    times = pa.array(first + np.arange(hours) * np.timedelta64(1, "h"), pa.timestamp("us"))
    schema = pa.schema([pa.field("t", times.type, metadata={**INSTANTS, OFFSET: offset.encode()}), ("y", pa.float64())])
    pq.write_table(pa.table([times, np.ones(hours)], schema=schema), folder / "t.parquet")
    read = [Column("t", ColumnKind.DATETIME), Column("y", ColumnKind.NUMBER)]
    return TrainingSeries.from_parquet(
        folder / "t.parquet", columns=read, roles=Roles("t", "y"), zone=zone, **{"repeated": "sum", **more}
    )


def test_days_of_instants_that_are_asked_for_begin_at_midnights_of_the_place(tmp_path):
    found = instants_in(tmp_path, 24 * 14, frequency="day")

    hours = found.series[0].values.tolist()
    assert (
        hours == [24.0] * 8 + [23.0] + [24.0] * 5
    )  # clocks are put forward on 29 March; an hour of the last day is left out
    assert found.calendar.written(np.array([0, 8, 9])) == [
        "2026-03-21T00:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00",
    ]  # fmt: skip
    assert "Steps of one day are counted by the clocks of Europe/Paris." in found.notes


def test_weeks_and_months_of_instants_begin_there_too(tmp_path):
    weeks = instants_in(tmp_path, 24 * 60, frequency="week")
    months = instants_in(tmp_path, 24 * 60, frequency="month")

    assert weeks.calendar.written(np.array([0, 2])) == ["2026-03-16T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]
    assert months.calendar.written(np.array([0, 1])) == ["2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"]
    assert months.series[0].values.tolist() == [24.0 * 11 - 1, 24.0 * 30, 24.0 * 19 + 1]  # of too few none is left out


def test_days_of_instants_are_those_of_utc_where_the_place_is(tmp_path):
    found = instants_in(tmp_path, 49, frequency="day", zone="UTC")

    assert found.series[0].values.tolist() == [24.0, 24.0]  # of the first day there is an hour
    assert found.calendar.written(np.array([1])) == ["2026-03-21"]
    assert "Steps of one day are counted by the clocks of UTC." in found.notes


def test_a_time_without_an_offset_is_on_the_wall_clock_whatever_the_place(tmp_path):
    times = [np.datetime64("2026-03-20T23:30:00") + np.timedelta64(i, "h") for i in range(49)]

    found = series_in(tmp_path, [time.item() for time in times], np.ones(49), frequency="day", repeated="sum")

    assert found.series[0].values.tolist() == [24.0, 24.0]
    assert not [note for note in found.notes if "clocks" in note]


def test_an_offset_that_is_the_same_all_year_is_that_of_the_clocks(tmp_path):
    """Loggers often keep winter time."""
    winter = instants_in(tmp_path, 24 * 14, frequency="day", offset="+01:00")
    of_place = instants_in(tmp_path, 24 * 8, frequency="day", offset="+01:00")  # before the change, as clocks of the place

    assert winter.series[0].values.tolist() == [24.0] * 14
    assert winter.calendar.written(np.array([13])) == ["2026-04-03T00:00:00+01:00"]
    assert "Steps of one day are counted by the clocks of UTC+01:00." in winter.notes
    assert of_place.calendar.zone == "Europe/Paris"


def test_hours_of_instants_are_written_with_their_offset(tmp_path):
    found = instants_in(tmp_path, 48, frequency="found", repeated="refused")

    assert found.calendar.written(np.array([0])) == ["2026-03-20T23:30:00+00:00"]


def test_steps_that_are_cut_off_are_left_out_and_told(tmp_path):
    weeks = series_in(tmp_path, days(38)[2:], np.ones(36), frequency="week", repeated="sum")
    means = series_in(tmp_path, days(38)[2:], np.ones(36), frequency="week", repeated="mean")

    assert weeks.series[0].values.tolist() == [7.0] * 4
    assert (
        weeks.notes[0] == "Steps of one week at the ends of series that do not hold all of their rows, and are left out: 2."
    )
    assert means.series[0].values.tolist() == [1.0] * 6


def test_a_step_without_a_row_is_nothing_and_one_without_its_value_is_not_known(tmp_path):
    values = np.ones(30)
    values[[3, 4]] = np.nan
    times = [day for place, day in enumerate(days(30)) if place not in {10, 11, 12}]

    found = series_in(tmp_path, times, np.delete(values, [10, 11, 12]), frequency="day", repeated="sum")

    assert np.flatnonzero(np.isnan(found.series[0].values)).tolist() == [3, 4]
    assert np.flatnonzero(found.series[0].values == 0).tolist() == [10, 11, 12]
    assert "3 steps of one day have no row; they count as 0." in found.notes
    assert "2 steps of one day have no value; they count as not known." in found.notes
