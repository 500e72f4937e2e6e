"""The decision: chance is passed over, what moved is found within two windows, and a window of few rows changes nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from apps.algorithms.engine.reference import reference_of
from apps.algorithms.reference import Reference, answered
from apps.algorithms.schema import Column, ColumnKind
from apps.monitoring.detectors.budget import FalseAlarmBudget, adjusted
from apps.monitoring.detectors.counts import counted
from apps.monitoring.detectors.verdict import State, Verdict, judge

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "drift"
KINDS = {"n": ColumnKind.NUMBER, "m": ColumnKind.NUMBER, "c": ColumnKind.CATEGORY, "d": ColumnKind.DATE}
COLUMNS = tuple(Column(name, kind) for name, kind in KINDS.items())


def drawn(rows: int, seed: int, **moved: object) -> dict[str, object]:
    chance = np.random.default_rng(seed)
    plain = {
        "n": chance.normal(size=rows),
        "m": chance.exponential(size=rows),
        "c": chance.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]).tolist(),
        "d": chance.integers(0, 1_000, rows) * 86_400.0,
    }
    return {**plain, **moved}


@pytest.fixture(scope="module")
def reference() -> Reference:
    chance = np.random.default_rng(9)
    told = answered(chance.choice(["yes", "no"], 2_000, p=[0.3, 0.7]).tolist(), chance.beta(5, 2, 2_000))
    return reference_of(COLUMNS, drawn(2_000, 0), 2_000, answers=told)


def judged(reference: Reference, *windows: dict[str, object], **more: object) -> list[Verdict]:
    found: list[Verdict] = []
    for at, values in enumerate(windows):
        previous = found[-1] if found else None
        found.append(judge(counted(reference.columns, values), window=f"day {at}", previous=previous, **more))
    return found


def states(verdict: Verdict) -> dict[str, str]:
    return {one.column: str(one.state) for one in verdict.columns}


def test_the_level_is_the_budgets_share_of_a_check():
    assert FalseAlarmBudget().level == pytest.approx(1 / 90)
    assert FalseAlarmBudget(alarms=0.5, checks=24).level == pytest.approx(0.5 / 24)


def test_p_values_are_corrected_as_scipy_does():
    chances = np.random.default_rng(0).random(50) ** 3

    np.testing.assert_allclose(adjusted(chances), false_discovery_control(chances, method="by"))
    assert adjusted(np.array([])).tolist() == []


def test_a_shift_drifts_first_then_alarms_once_and_ends(reference):
    moved = [drawn(500, seed, n=np.random.default_rng(seed).normal(0.6, 1.0, 500)) for seed in (2, 3, 4)]

    found = judged(reference, drawn(500, 1), *moved, drawn(500, 5))

    assert [states(one)["n"] for one in found] == ["steady", "drifting", "alarm", "alarm", "steady"]
    assert [[column.column for column in one.new_alarms] for one in found] == [[], [], ["n"], [], []]
    told = found[2].columns[0]
    assert told.since == "day 1"
    assert told.causes == ("kolmogorov_smirnov",)
    assert told.said[-1] == "Seen since day 1."
    assert "standard deviations" in told.said[0]
    assert told.advice.startswith("Compare recent answers")
    assert found[2].sentence == "n drifted in two windows in a row. They carry 25 % of the model's importance."
    assert {one.column for one in found[2].columns if one.has_drifted} == {"n"}


def test_the_share_that_drifts_is_weighted_by_importance(reference):
    moved = drawn(500, 2, n=np.full(500, 9.0))

    for importances, share in (({"n": 3.0, "m": 1.0}, 0.75), ({"m": 1.0}, 0.0), ({"n": -1.0, "c": 0.0}, 0.25), (None, 0.25)):
        assert judged(reference, moved, importances=importances)[0].share == pytest.approx(share)


def test_missing_values_new_categories_and_values_out_of_range_alarm_with_their_advice(reference):
    rows = [
        drawn(
            500,
            seed,
            n=np.where(np.arange(500) % 4 == 0, np.nan, drawn(500, seed)["n"]),
            m=-drawn(500, seed)["m"],
            c=["z"] * 500,
        )
        for seed in (2, 3)
    ]

    found = judged(reference, *rows)[1]

    causes = {one.column: one.causes for one in found.columns}
    assert causes["n"] == ("missingness",)
    assert causes["m"] == ("kolmogorov_smirnov", "out_of_range")
    assert causes["c"] == ("chi_square", "new_categories")
    assert "source that fills" in found.columns[0].advice
    assert states(found) == {"n": "alarm", "m": "alarm", "c": "alarm", "d": "steady"}


def test_time_that_goes_on_is_no_drift_but_a_date_that_goes_missing_is(reference):
    later = drawn(500, 2, d=np.full(500, 9e8))
    gone = drawn(500, 2, d=np.full(500, np.nan))

    assert states(judged(reference, later, later)[1])["d"] == State.STEADY
    assert states(judged(reference, gone, gone)[1])["d"] == State.ALARM


def test_a_window_of_few_rows_neither_raises_nor_ends_an_alarm(reference):
    few, moved = drawn(12, 1), drawn(500, 2, n=np.full(500, 9.0))

    found = judged(reference, few, moved, few, moved)

    assert [states(one)["n"] for one in found] == ["unknown", "drifting", "drifting", "alarm"]
    assert found[0].columns[0].said[0].startswith("Not enough data")
    assert (found[2].columns[0].since, found[3].columns[0].since) == ("day 1", "day 1")


def test_answers_are_judged_apart_and_told_apart(reference):
    labels, told = answered(["yes"] * 300 + ["no"] * 200, np.random.default_rng(1).beta(5, 2, 500))
    assert [column.name for column in labels] == [column.name for column in reference.answers]
    previous = None
    for day in ("Monday", "Tuesday"):
        inputs = counted(reference.columns, drawn(500, len(day)))
        previous = judge(inputs, window=day, answers=counted(reference.answers, told), previous=previous)

    assert previous.share == 0.0
    assert [(one.column, str(one.state)) for one in previous.answers] == [
        ("answer", "alarm"),
        ("probability of the answer", "steady"),
    ]
    assert previous.sentence == "The model's answers drifted."
    assert previous.answers[0].advice.startswith("The model answers otherwise")


def test_verdicts_come_back_from_json_as_they_were(reference):
    for verdict in judged(reference, drawn(500, 1), drawn(500, 2, n=np.full(500, np.nan)), drawn(3, 1), drawn(0, 1)):
        assert Verdict.from_json(json.loads(json.dumps(verdict.as_json(), allow_nan=False))) == verdict
    assert judge([], window="none").sentence == "Nothing drifted."


def test_stationary_columns_raise_no_alarm_in_a_quarter_and_hardly_a_first_sign():
    """Forty columns that go together, a tenth of a quarter's budget: a test at 5 % a column would give 2 signs a window."""
    columns = tuple(Column(f"c{at}", ColumnKind.NUMBER) for at in range(40))
    alarms = signs = 0
    for seed in range(20):
        chance = np.random.default_rng(seed)
        mixed = chance.normal(size=(40, 40))

        def rows(count: int, chance: np.random.Generator = chance, mixed: np.ndarray = mixed) -> dict[str, np.ndarray]:
            values = chance.normal(size=(count, 40)) @ mixed
            return {column.name: values[:, at] for at, column in enumerate(columns)}

        reference = reference_of(columns, rows(1_000), 1_000)
        for verdict in judged(reference, *(rows(100) for _ in range(9))):
            alarms += len(verdict.new_alarms)
            signs += any(one.has_drifted for one in verdict.columns)

    assert alarms == 0
    assert signs <= 4


@pytest.mark.skipif(not DATA.exists(), reason="the public tables do not lie beside the project")
@pytest.mark.parametrize("rows", [100, 250])
def test_red_wine_is_found_within_two_windows_and_white_wine_is_silent(rows):
    for name, first, learned in (("wine_white_then_red", 2_000, 1_000), ("wine_no_drift", None, 600)):
        frame = pd.read_csv(DATA / f"{name}.csv.gz").drop(columns="quality")
        columns = tuple(Column(str(column), ColumnKind.NUMBER) for column in frame)
        values = {column.name: frame[column.name].to_numpy(float) for column in columns}
        reference = reference_of(columns, {column: own[:learned] for column, own in values.items()}, learned)
        starts = range(learned, len(frame) - rows + 1, rows)

        found = judged(reference, *({name: own[at : at + rows] for name, own in values.items()} for at in starts))

        alarmed = [at for at, one in zip(starts, found, strict=True) if one.new_alarms]
        assert alarmed[:1] == ([first + rows] if first else [])


def test_a_window_of_few_rows_does_not_say_that_something_or_nothing_drifts(reference):
    moved = drawn(500, 2, n=np.random.default_rng(2).normal(0.6, 1.0, 500))

    after, alone = judged(reference, moved, drawn(3, 3))[-1], judged(reference, drawn(3, 3))[-1]

    untold = "This window has not enough data to tell whether anything drifts."
    assert (after.sentence, alone.sentence) == (f"n drifted before. {untold}", untold)
    assert judged(reference, drawn(500, 1))[-1].sentence == "Nothing drifted."
