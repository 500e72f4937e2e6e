"""Labels of odd classes, of one subject that says very much, and more of them than are looked at."""

import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from apps.alerts.models import Alert
from apps.algorithms.schema import Column, ColumnKind, TableSchema
from apps.core import clock
from apps.feedback.models import Feedback
from apps.feedback.selectors import label_stream, labelled_answers
from apps.monitoring import actions, tasks
from apps.monitoring.engine import checking, performance
from apps.monitoring.engine.estimating import UNKNOWN_CLASS, hold_against_labels, places_of
from apps.monitoring.models import DriftReport
from apps.predictions.models import PredictionLog
from apps.registry.models import Alias, ModelVersion
from tests.factories import make_model
from tests.registry.filing import file_version

HOUR = timedelta(hours=1)
TEXT, NUMBERS = (ColumnKind.CATEGORY, ("a", "b")), (ColumnKind.INTEGER, (1, 2))


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.ML_MODELS_DIR = tmp_path
    return tmp_path


def live_version(cast, store, kind=ColumnKind.CATEGORY, classes: tuple[Any, ...] = ("a", "b")) -> ModelVersion:
    """Return a live version of these classes, filed by the real registry a day ago."""
    schema = TableSchema((Column("x", ColumnKind.NUMBER),), "label", kind, classes)
    version = file_version(make_model(cast.acme), store, schema=schema, metrics={"accuracy": 0.9})
    Alias.objects.filter(version=version).update(since=clock.now() - 24 * HOUR)
    return version


def answered(version: ModelVersion, labels: list[Any], *, at: Any, subjects: list[str] | None = None) -> None:
    """Log an answer of the first class, with a chance of 0.9, for each label, a second apart, and the labels."""
    first = version.schema["classes"][0]
    names = TableSchema.from_json(version.schema).class_names
    log = PredictionLog.objects.create(
        pk=uuid.uuid4(), model=version.model, version=version, at=at, row_count=len(labels), milliseconds=1.0,
        rows=[{"x": 0.0}] * len(labels), predictions=[first] * len(labels),
        details=[{"probabilities": dict(zip(names, (0.9, 0.1), strict=True))}] * len(labels),
    )  # fmt: skip
    Feedback.objects.bulk_create(
        Feedback(
            model=version.model, version=version, entry_id=log.pk, place=place, predicted_at=at, predicted=first,
            label=label, correct=label == first, giver=f"giver {place}", subject=(subjects or [""] * len(labels))[place],
            source="api", given_at=at + timedelta(seconds=place), known_at=at + timedelta(seconds=place),
        )
        for place, label in enumerate(labels)
    )  # fmt: skip


def report_of(version: ModelVersion, **fields: Any) -> DriftReport:
    now = clock.now()
    own = {"since": now - 24 * HOUR, "until": now, "status": "completed", "estimate": {"rows": 1}, **fields}
    return DriftReport.objects.create(model=version.model, version=version, **own)


@pytest.mark.parametrize(("kind", "classes", "new"), [(*TEXT, "c"), (*NUMBERS, 3)])
def test_a_class_that_the_model_does_not_know_counts_as_wrong(cast, store, kind, classes, new):
    version = live_version(cast, store, kind, classes)
    first, second = classes
    calm = ([first] * 9 + [second]) * 12
    answered(version, calm, at=clock.now() - 3 * HOUR)
    trusted = hold_against_labels(report_of(version))

    answered(version, [new] * 80, at=clock.now() - 2 * HOUR)
    held = hold_against_labels(report_of(version))

    assert (trusted["is_void"], trusted["held"]["labels"]) == (False, 120)
    assert (held["is_void"], held["held"]["labels"]) == (True, 200)
    told = {one["measure"]: one for one in held["held"]["told"]}
    assert told["accuracy"]["labelled"] == pytest.approx(108 / 200)
    assert told["accuracy"]["is_contradicted"]
    assert not told["log_loss"]["is_contradicted"], "it is that of the known classes"


def test_labels_of_unknown_classes_alone_contradict(cast, store):
    version = live_version(cast, store)
    answered(version, ["c"] * 40, at=clock.now() - HOUR)

    held = hold_against_labels(report_of(version))

    assert held["is_void"]
    assert [one["measure"] for one in held["held"]["told"]] == ["accuracy"]


def test_numbers_of_equal_value_are_one_class(cast, store):
    version = live_version(cast, store, *NUMBERS)
    answered(version, ([1.0] * 9 + [2.0]) * 10, at=clock.now() - HOUR)

    held = hold_against_labels(report_of(version))

    assert (held["held"]["labels"], held["is_void"]) == (100, False)
    assert places_of(version, [1, 2.0, 1.5, 3]).tolist() == [0, 1, UNKNOWN_CLASS, UNKNOWN_CLASS]


def test_classes_are_found_by_what_they_are(cast, store):
    yes_no = live_version(cast, store, ColumnKind.BOOLEAN, (False, True))
    text = live_version(cast, store, ColumnKind.CATEGORY, ("01", "1"))

    assert places_of(yes_no, [True, False]).tolist() == [1, 0]
    assert places_of(text, ["1", "01", "1.0"]).tolist() == [1, 0, UNKNOWN_CLASS]


def test_one_subject_that_says_very_much_hides_nobody(cast, store):
    version = live_version(cast, store)
    crowd = [f"person {at % 40}" for at in range(60)]
    answered(version, (["a"] * 9 + ["b"]) * 6, at=clock.now() - 3 * HOUR, subjects=crowd)
    answered(version, ["b"] * 400, at=clock.now() - 2 * HOUR, subjects=["loud"] * 400)
    answered(version, ["a"] * 50, at=clock.now() - HOUR)  # of no subject

    since, now = clock.now() - 24 * HOUR, clock.now()
    latest = labelled_answers(version, since=since, until=now, most=150)
    few = labelled_answers(version, since=since, until=now, most=60)
    stream = label_stream(version, since=since, most=150)

    assert Counter(one.label for one in latest) == {"a": 50 + 54, "b": 20 + 6}
    assert [one.label for one in few] == ["a"] * 50 + ["b"] * 10, "the latest first"
    assert (len(stream.outcomes), stream.before) == (130, 0)
    assert stream.known_at == sorted(stream.known_at)
    assert stream.outcomes[60:80] == [0.0] * 20
    held = hold_against_labels(report_of(version))
    assert held["held"]["labels"] == 130


def stream_of(version: ModelVersion, right: list[int], *, hours: float) -> None:
    answered(version, ["a" if one else "b" for one in right], at=clock.now() - hours * HOUR)


def looked_at(version: ModelVersion) -> dict[str, Any]:
    """Look at the labels and tell of it, as the end of a check does."""
    report = report_of(version)
    report.performance = performance.performance_of(report)
    report.save()
    performance.alert_of_performance(report, report.performance)
    return report.performance


def test_a_change_that_slides_out_of_what_is_looked_at_stays_and_is_told_once(cast, store, monkeypatch):
    monkeypatch.setattr(performance, "MOST_LABELS", 300)
    version, chance = live_version(cast, store), np.random.default_rng(0)
    good, bad = ((lambda count, share=share: (chance.random(count) < share).astype(int).tolist()) for share in (0.95, 0.5))
    stream_of(version, good(200), hours=20)
    assert looked_at(version)["changes"] == []
    stream_of(version, bad(90), hours=18)
    (change,) = looked_at(version)["changes"]
    alert = Alert.objects.get(kind="performance")

    for hours in range(17, 8, -1):
        stream_of(version, bad(40), hours=hours)
        found = looked_at(version)
        assert found["changes"] == [change], hours
        alert.refresh_from_db()
        assert (alert.count, alert.ended_at) == (1, None), hours
    assert found["labels"] == 200 + 90 + 9 * 40

    stream_of(version, good(150), hours=7)
    assert [one["is_worse"] for one in looked_at(version)["changes"]] == [True, False]
    alert.refresh_from_db()
    assert alert.ended_at is not None

    stream_of(version, bad(100), hours=5)
    assert [one["is_worse"] for one in looked_at(version)["changes"]] == [True, False, True]
    assert Alert.objects.filter(kind="performance", ended_at=None).count() == 1


def test_a_model_that_cannot_be_looked_at_keeps_no_other_from_its_turn(cast, store, monkeypatch, caplog):
    first, second, third = (live_version(cast, store) for _ in range(3))
    for version in (first, second, third):
        answered(version, (["a"] * 9 + ["b"]) * 6, at=clock.now() - HOUR)
        report_of(version)
    own = checking.hold_against_labels
    order = [report.version_id for report in DriftReport.objects.all()]

    def held(report):
        if report.version_id == second.pk:
            raise ZeroDivisionError("zq")
        return own(report)

    monkeypatch.setattr(checking, "hold_against_labels", held)
    tasks.hold_estimates()

    done = set(DriftReport.objects.filter(held_at__isnull=False).values_list("version_id", flat=True))
    assert done == set(order) - {second.pk}
    assert f"The estimates of model {second.model_id} are not held" in caplog.text

    asked = actions.start_check

    def start(*, model, actor):
        if model.pk == second.model_id:
            raise ZeroDivisionError("zq")
        return asked(model=model, actor=actor)

    monkeypatch.setattr(actions, "start_check", start)
    started = actions.start_checks()

    assert {report.model_id for report in started} == {first.model_id, third.model_id}
    assert f"Model {second.model_id} is not checked for drift" in caplog.text
