"""The report of an evaluation: what it says, that it is the same again, and that nothing odd makes it fail."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from apps.algorithms import catalog
from apps.algorithms.engine.judged import JudgedAmounts
from apps.algorithms.engine.judged_classes import JudgedClasses
from apps.algorithms.engine.linear_baseline import fit_linear_baseline
from apps.algorithms.engine.report import NO_BETTER, report_of, said_of_coverage
from apps.algorithms.results import Baseline, Evaluation, Importance
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from tests.algorithms.evaluated import evaluated, of_columns, plain_columns, two_classes
from tests.contracts.tables import mixed_table, silent


def told(rows=600, *, apart=1.2, seed=0, groups=None, times=None, **more):
    chance = np.random.default_rng(seed)
    columns, values = plain_columns(rows, chance, columns=4)
    table = TrainingTable(columns, values, rows, groups=groups, times=times)
    evaluation, trivial = evaluated(two_classes(rows, chance, apart), table)
    return report_of(evaluation, trivial, more.get("linear"), of_columns(table), seed=5), evaluation


def test_every_metric_has_an_interval_that_holds_it():
    report, evaluation = told()

    assert report.intervals["metrics"].keys() == evaluation.metrics.keys()
    for name, (low, high) in report.intervals["metrics"].items():
        assert low <= evaluation.metrics[name] <= high, name
        assert low < high, name
    assert (report.intervals["method"], report.intervals["unit"], report.intervals["stratified"]) == (
        "bootstrap",
        "rows",
        True,
    )
    assert report.baselines[0]["difference"]["better"] == "yes"
    assert report.warnings == ()


@pytest.mark.parametrize(("rows", "warned"), [(29, True), (30, False)])
def test_scores_of_few_rows_are_said_to_say_little(rows, warned):
    report, _ = told(rows, apart=4.0)

    assert any(text.startswith(f"Only {rows} rows were kept apart") for text in report.warnings) is warned


@pytest.mark.parametrize(("coverage", "interval", "warned"), [
    (0.80, (0.76, 0.84), True), (0.88, (0.84, 0.92), False), (0.79, None, True), (0.81, None, False),
])  # fmt: skip
def test_bounds_that_hold_too_little_are_told_where_it_is_no_chance(coverage, interval, warned):
    evaluation = Evaluation({"interval_coverage": coverage}, "rmse", greater_is_better=False)
    found = {"metrics": {"interval_coverage": interval}} if interval else {}

    texts = list(said_of_coverage(evaluation, found))

    assert bool(texts) is warned
    assert not warned or f"held {coverage:.0%} of the answers kept apart, where 90% were asked for" in texts[0]


def test_it_is_the_same_again_and_plain_json():
    one, again = (json.dumps(vars(told(700)[0]), allow_nan=False) for _ in range(2))

    assert one == again


def test_blocks_of_time_are_resampled_where_the_latest_rows_were_kept_apart():
    report, _ = told(600, times=np.arange(600.0))

    assert (report.intervals["unit"], report.intervals["groups"]) == ("blocks of time", 75)
    of_two, _ = told(600, times=np.repeat([1.0, 2.0], 300))
    assert (of_two.intervals["unit"], of_two.warnings) == ("rows", ())


def test_whole_groups_are_resampled_where_rows_come_in_groups():
    alone, _ = told(600)
    together, _ = told(600, groups=np.array([f"site {i % 30}" for i in range(600)]))

    assert (together.intervals["unit"], together.intervals["groups"]) == ("groups", 30)
    assert together.intervals["metrics"] != alone.intervals["metrics"]
    of_two, _ = told(600, groups=np.array(["one", "two"] * 300))
    assert of_two.intervals == {}
    assert of_two.warnings[0].startswith("The rows kept apart are of 2 groups: too few")


def test_what_cannot_be_told_from_the_baseline_is_said_once():
    said = dict.fromkeys(("no", "perhaps", "yes"), 0)
    for seed in range(12):
        report, _ = told(100, apart=0.15, seed=seed)
        better = report.baselines[0]["difference"]["better"]
        about = [text for text in report.warnings if "baseline" in text]
        if not report.is_better:
            assert about == [NO_BETTER]
        elif better == "perhaps":
            assert len(about) == 1
            assert about[0].startswith("On these 100 rows it cannot be told from the trivial baseline (ROC AUC 0.")
        else:
            assert about == []
        said["no" if not report.is_better else better] += 1

    assert said["no"]
    assert said["perhaps"]


def test_a_better_linear_model_is_recommended_and_one_as_good_is_not():
    chance = np.random.default_rng(0)
    table = TrainingTable((), {}, 800)
    good = two_classes(800, chance)
    poor = replace(good, chances=np.clip(good.chances + chance.normal(size=(800, 1)) * [[-0.4, 0.4]], 0.0, 1.0))
    evaluation, trivial = evaluated(poor, table)
    better, _ = evaluated(good, table)

    def said_beside(other: Evaluation) -> tuple[str, ...]:
        linear = Baseline("a plain linear model", other.metrics, judged=other.judged)
        return report_of(evaluation, trivial, linear, of_columns(table), seed=1).warnings

    assert said_beside(evaluation) == ()
    (text,) = said_beside(better)
    assert text.startswith("A plain linear model does better (ROC AUC 0.")


def test_a_worse_slice_is_said_in_words_and_shown_with_its_interval():
    chance = np.random.default_rng(3)
    columns, values = plain_columns(2_000, chance, columns=4)
    bad = np.array(values["c1"]) == "b"
    table = TrainingTable(columns, values, 2_000)
    evaluation, trivial = evaluated(two_classes(2_000, chance, np.where(bad, 0.0, 1.5)), table)

    report = report_of(evaluation, trivial, None, of_columns(table), seed=1)

    (one,) = report.slices["worse"]
    assert (one["column"], one["value"], one["rows"], one["verdict"]) == ("c1", "b", int(bad.sum()), "worse")
    assert one["low"] < one["score"] < one["high"] < one["elsewhere"]
    assert report.warnings == (
        f"It does worse where c1 is b: ROC AUC {one['score']:.3g} on {one['rows']} rows, {one['elsewhere']:.3g} elsewhere.",
    )
    assert [column["column"] for column in report.slices["columns"]] == ["c0", "c1", "c2", "c3"]
    assert all(len(column["values"]) <= 8 for column in report.slices["columns"])


def test_a_report_on_a_million_rows_needs_little_memory():
    chance = np.random.default_rng(0)
    columns, values = plain_columns(1_000_000, chance, columns=4)
    table = TrainingTable(columns, values, 1_000_000)
    evaluation, trivial = evaluated(two_classes(1_000_000, chance), table)

    tracemalloc.start()
    report = report_of(evaluation, trivial, None, of_columns(table), seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 100_000_000  # a dozen arrays of a million numbers; one resample of all rows takes one
    assert report.intervals["method"] == "bag of little bootstraps"
    assert (report.intervals["rows"], report.slices["rows"]) == (1_000_000, 100_000)
    low, high = report.intervals["metrics"]["roc_auc"]
    assert high - low < 0.006


ODD = {
    "one class": JudgedClasses(np.zeros(40, dtype=np.int64), np.tile([0.7, 0.3], (40, 1))),
    "one row of a class": JudgedClasses((np.arange(40) == 0).astype(np.int64), np.tile([0.7, 0.3], (40, 1))),
    "certain": JudgedClasses(np.arange(40) % 2, np.eye(2)[np.arange(40) % 2]),
    "few rows": JudgedClasses(np.arange(4) % 2, np.tile([0.7, 0.3], (4, 1))),
    "no numbers": JudgedClasses(np.arange(40) % 2, np.full((40, 2), np.nan)),
    "a class unseen": JudgedClasses(np.arange(40) % 2, np.tile([0.5, 0.3, 0.2], (40, 1))),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("judged", ODD.values(), ids=ODD)
@pytest.mark.parametrize("groups", [None, "own", "one"])
def test_degenerate_answers_never_fail(judged, groups):
    rows = judged.rows
    columns = (Column("flat", ColumnKind.NUMBER), Column("half", ColumnKind.CATEGORY))
    values = {"flat": np.full(rows, np.nan), "half": ["a", "b"] * (rows // 2)}
    names = {"own": np.arange(rows).astype(str), "one": np.array(["x"] * rows)}
    table = TrainingTable(columns, values, rows, groups=names.get(groups))
    metrics = {"accuracy": 0.7, "roc_auc": 0.6}
    trivial = Baseline("x", {"accuracy": np.nan, "roc_auc": 0.5}, judged=judged)
    evaluation = Evaluation(metrics, "roc_auc", greater_is_better=True, judged=judged, rows=table)

    report = report_of(evaluation, trivial, None, of_columns(table), seed=0)

    json.dumps(vars(report), allow_nan=False)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("truth", [np.ones(50), np.arange(50) * 1e17, np.arange(50) * 1e-300], ids=["flat", "huge", "tiny"])
def test_degenerate_amounts_never_fail(truth):
    table = TrainingTable((Column("half", ColumnKind.CATEGORY),), {"half": ["a", "b"] * 25}, 50)
    judged = JudgedAmounts(truth, np.zeros(50))
    evaluation = Evaluation(
        {"rmse": float(np.sqrt((truth**2).mean()))}, "rmse", greater_is_better=False, judged=judged, rows=table
    )
    trivial = Baseline("x", evaluation.metrics, judged=judged)

    report = report_of(evaluation, trivial, trivial, of_columns(table), seed=0)

    json.dumps(vars(report), allow_nan=False)


def test_a_service_that_tells_nothing_row_by_row_still_gets_its_baseline():
    evaluation = Evaluation({"rmse": 1.0}, "rmse", greater_is_better=False)
    table = TrainingTable((), {}, 10)

    report = report_of(evaluation, Baseline("always the mean", {"rmse": 2.0}), None, of_columns(table), seed=0)

    assert (report.intervals, report.slices, report.warnings, report.is_better) == ({}, {}, (), True)
    assert report.baselines == [{"name": "always the mean", "kind": "trivial", "metrics": {"rmse": 2.0}, "difference": None}]


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
def test_every_table_service_is_set_beside_a_linear_model(task):
    split = mixed_table(task).split(task=task, test_share=0.25, seed=3)
    model = catalog.get("random_forest")(task=task, parameters={"n_estimators": 10}, seed=5)
    model.fit(split.train, silent)

    evaluation, trivial, linear = model.evaluate(split.test), model.baseline(split.test), model.linear_baseline(split.test)

    main = evaluation.main
    assert set(trivial.metrics) <= set(evaluation.metrics)
    assert (linear.metrics[main] > trivial.metrics[main]) == evaluation.greater_is_better
    report = report_of(evaluation, trivial, linear, model.importance(split.test), seed=5)
    assert [one["kind"] for one in report.baselines] == ["trivial", "linear"]


def test_a_linear_baseline_finds_a_line_through_holes():
    chance = np.random.default_rng(0)
    matrix = chance.normal(size=(2_000, 3)).astype(np.float32)
    target = 3 * matrix[:, 0] - matrix[:, 1] + 0.1 * chance.normal(size=2_000)
    matrix[::10, 2] = np.nan
    classes = (target > 0).astype(np.int64)

    line, border = fit_linear_baseline(matrix, target, classes=0), fit_linear_baseline(matrix, classes, classes=2)

    assert np.abs(line.raw(matrix)[:, 0] - target).mean() < 0.1
    assert (border.chances(matrix).argmax(axis=1) == classes).mean() > 0.97


def test_a_linear_baseline_that_would_take_too_long_is_none():
    chance = np.random.default_rng(0)
    matrix = chance.normal(size=(3_000, 40)).astype(np.float32)

    assert fit_linear_baseline(matrix, np.arange(3_000) % 600, classes=600) is None


@pytest.mark.parametrize(("agreement", "is_said"), [(0.31, True), (0.5, False), (1.0, False)])
def test_groups_that_fall_apart_when_made_anew_are_told(agreement, is_said):
    evaluation = Evaluation({"clusters": 3.0, "agreement": agreement}, "silhouette", greater_is_better=True)
    trivial = Baseline("groups at random, of the same sizes", {"silhouette": -0.2})

    told = report_of(evaluation, trivial, None, Importance("made up", (), 0), seed=0).warnings

    assert [one for one in told if "not stable" in one] == [one for one in told if is_said]
    assert not is_said or "they agree by 0.31" in told[0]
