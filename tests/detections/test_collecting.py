"""What was answered becomes a detection: once, however often, however late, and whoever is killed meanwhile."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from apps.core import clock
from apps.detections import tasks
from apps.detections.engine import collecting, explaining
from apps.detections.engine.collecting import OVERLAP, collect
from apps.detections.models import Collection, Detection
from apps.predictions.cache import predictors
from apps.predictions.erasing import take_out
from apps.predictions.models import PredictionLog
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import version_folder
from tests.detections.conftest import ask, unusual, usual
from tests.factories import make_model


def found() -> set[str]:
    return {one.prediction_id for one in Detection.objects.all()}


def copies_of(entry: PredictionLog, count: int, **changes) -> list[PredictionLog]:
    """Write a log entry so many times again."""
    kept = {field.attname: getattr(entry, field.attname) for field in PredictionLog._meta.concrete_fields}
    made = [PredictionLog(**{**kept, "id": uuid.uuid4(), **changes}) for _ in range(count)]
    return PredictionLog.objects.bulk_create(made, batch_size=500)


def test_what_is_unusual_is_recorded_with_all_that_a_reviewer_needs(cast, api, watched):
    rows = [*usual(20), *unusual(3)]
    answer = api(cast.viewer).post(f"/api/v1/models/{watched.pk}/predict/", {"data": rows}, format="json").json()
    alerts = ask(watched, rows)  # asked twice: each answer is a prediction of its own

    tasks.collect()

    assert len(alerts) == 3
    assert found() == {*answer["prediction_ids"][20:], *alerts}
    one = Detection.objects.get(entry_id=uuid.UUID(answer["prediction_ids"][-1].partition("-")[0]), place=22)
    told = answer["details"][22]
    assert (one.score, one.tail_probability, one.predicted) == (told["score"], told["tail_probability"], -1)
    assert (one.row, one.workspace, one.version.number, one.status) == (rows[22], cast.acme, 1, "new")
    assert not one.is_suppressed


def test_the_reason_is_what_explain_says_of_the_row(cast, api, watched):
    row = unusual(1)[0]
    ask(watched, [row])
    told = api(cast.viewer).post(f"/api/v1/models/{watched.pk}/explain/", {"data": [row]}, format="json").json()
    parts = {one["name"]: one["contribution"] for one in told["explanations"][0]["contributions"]}

    tasks.collect()

    reason = Detection.objects.get().reason
    assert [one["name"] for one in reason["columns"]][:2] == sorted(("amount", "days"), key=lambda name: -parts[name])
    for one in reason["columns"]:
        assert one["contribution"] == pytest.approx(parts[one["name"]])
        assert one["value"] == row[one["name"]]
    assert sum(one["share"] for one in reason["columns"]) == pytest.approx(1)
    assert reason["output"] == told["explanations"][0]["output"]


def test_an_answer_is_a_detection_once_however_often_it_is_read(watched):
    ask(watched, unusual(5))

    for _ in range(3):
        tasks.collect()

    assert Detection.objects.count() == 5


def test_an_entry_that_is_written_long_after_its_answer_is_found(watched):
    ask(watched, unusual(1))
    tasks.collect()
    entry = PredictionLog.objects.get()

    copies_of(entry, 1, at=clock.now() - timedelta(hours=30))  # the database was away
    tasks.collect()

    assert Detection.objects.count() == 2
    assert Detection.objects.earliest("occurred_at").occurred_at < clock.now() - timedelta(hours=29)


def test_an_entry_whose_transaction_ends_after_later_ones_were_read_is_found(watched, monkeypatch):
    ask(watched, unusual(1))
    slow = PredictionLog.objects.get()
    PredictionLog.objects.all().delete()  # as another's transaction is seen: not yet
    later = clock.now() + OVERLAP - timedelta(seconds=30)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    ask(watched, unusual(2))
    tasks.collect()
    assert Detection.objects.count() == 2

    PredictionLog.objects.bulk_create([slow])
    PredictionLog.objects.filter(pk=slow.pk).update(logged_at=later - OVERLAP + timedelta(seconds=30))
    tasks.collect()

    assert Detection.objects.count() == 3


def test_a_model_whose_log_was_read_is_not_looked_at_again(watched, monkeypatch):
    ask(watched, unusual(2))
    tasks.collect()
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 2 * OVERLAP)
    tasks.collect()  # the last time that the young rows are read

    with CaptureQueriesContext(connection) as queries:
        collect()

    assert len(queries) == 1
    mark = Collection.objects.get()
    assert (mark.until, mark.until_id) == PredictionLog.objects.values_list("logged_at", "pk").get()


def test_what_is_erased_while_the_log_is_read_becomes_no_detection(watched, monkeypatch):
    ask(watched, unusual(3))
    entry = PredictionLog.objects.get()
    read = collecting._found

    def erased_meanwhile(reading, ids):
        found = list(read(reading, ids))
        with transaction.atomic():
            take_out(entry.pk, [found[0].place])
        return iter(found)

    monkeypatch.setattr(collecting, "_found", erased_meanwhile)
    collect()

    assert {one.place for one in Detection.objects.all()} == {1, 2}


def test_a_run_that_dies_before_its_portion_is_kept_has_lost_nothing(watched, monkeypatch):
    for seed in range(3):
        ask(watched, [*usual(5, seed=seed), *unusual(1)])
    monkeypatch.setattr(collecting, "ENTRIES_AT_ONCE", 1)
    kept = collecting._moved
    monkeypatch.setattr(collecting, "_moved", lambda mark, to: kept(mark, to) if to[1].int == 0 else 1 / 0)
    monkeypatch.setattr(collecting, "OVERLAP", -OVERLAP)  # so that each portion moves the mark
    with pytest.raises(ZeroDivisionError):
        collect()
    assert not Detection.objects.exists()  # the portion and the mark are one transaction

    monkeypatch.setattr(collecting, "_moved", kept)
    collect()

    assert Detection.objects.count() == 3


def test_where_another_run_is_ahead_this_one_stops(watched, monkeypatch):
    for _ in range(4):
        ask(watched, unusual(1))
    monkeypatch.setattr(collecting, "ENTRIES_AT_ONCE", 1)
    monkeypatch.setattr(collecting, "OVERLAP", timedelta())
    real, calls = collecting._portion, []

    def meeting_another(reading):
        calls.append(reading.at)
        if len(calls) == 2:
            collect_all_the_rest()
        return real(reading)

    def collect_all_the_rest():
        monkeypatch.setattr(collecting, "_portion", real)
        collect()

    monkeypatch.setattr(collecting, "_portion", meeting_another)
    collect()

    assert Detection.objects.count() == 4
    assert len(calls) == 2


@pytest.mark.django_db(transaction=True)
def test_two_collectors_at_once_record_each_alert_once(watched):
    for seed in range(6):
        ask(watched, [*usual(3, seed=seed), *unusual(4)])
    together, done = threading.Barrier(3), []

    def run():
        together.wait()
        try:
            tasks.collect()
            done.append(True)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert len(done) == 3
    assert Detection.objects.count() == 24
    assert not Detection.objects.filter(reason__isnull=True).exists()


def test_ten_thousand_rows_are_read_in_portions_and_few_queries(watched, monkeypatch):
    ask(watched, [*usual(4), *unusual(1)])
    copies_of(PredictionLog.objects.get(), 1_999)
    largest, real = [], collecting._found

    def measured(reading, ids):
        largest.append(len(ids))
        return real(reading, ids)

    monkeypatch.setattr(collecting, "_found", measured)
    with CaptureQueriesContext(connection) as queries:
        recorded = collect(seconds=600)

    assert recorded == Detection.objects.count() == 2_000
    assert max(largest) == collecting.ENTRIES_AT_ONCE
    assert len(queries) <= 13 * len(largest) + 5


def test_a_portion_is_bounded_by_its_rows_too(watched, monkeypatch):
    monkeypatch.setattr(collecting, "ROWS_AT_ONCE", 10)
    for _ in range(4):
        ask(watched, [*usual(5), *unusual(1)])
    sizes, real = [], collecting._found
    monkeypatch.setattr(collecting, "_found", lambda reading, ids: sizes.append(len(ids)) or real(reading, ids))

    collect()

    assert sizes == [2, 2]
    assert Detection.objects.count() == 4


def test_what_a_run_has_no_time_for_waits_for_the_next(watched, monkeypatch):
    monkeypatch.setattr(collecting, "ENTRIES_AT_ONCE", 2)
    for _ in range(6):
        ask(watched, unusual(1))
    ticks = iter(range(1_000))
    monkeypatch.setattr(collecting.time, "monotonic", lambda: float(next(ticks)))

    first = collect(seconds=1.5)
    monkeypatch.setattr(collecting, "OVERLAP", timedelta())
    rest = collect(seconds=600)

    assert (first, first + rest) == (2, 6)
    assert Detection.objects.count() == 6


def test_models_take_turns_and_a_broken_one_stops_no_other(make_watched, monkeypatch):
    broken, sound = make_watched(name="Broken"), make_watched(name="Sound")
    for model in (broken, sound):
        ask(model, unusual(1))
    PredictionLog.objects.filter(model=broken).update(details=[])

    with pytest.raises(ValueError, match="shorter"):
        tasks.collect()

    one = Detection.objects.get()
    assert one.model == sound
    assert one.reason is not None  # what was found is explained all the same


def test_a_model_of_another_task_and_an_archived_one_are_left_alone(cast, watched):
    ask(watched, unusual(1))
    RegisteredModel.objects.filter(pk=watched.pk).update(archived_at=clock.now())

    tasks.collect()
    RegisteredModel.objects.filter(pk=watched.pk).update(archived_at=None, task="regression")
    tasks.collect()

    assert not Detection.objects.exists()


def test_the_log_may_go_and_the_detections_stay(watched):
    ask(watched, unusual(2))
    tasks.collect()

    PredictionLog.objects.all().delete()
    tasks.collect()

    assert Detection.objects.count() == 2


def test_a_damaged_version_gives_no_reason_but_its_words(watched):
    ask(watched, unusual(1))
    folder = version_folder(ModelVersion.objects.get())
    next((folder / "predictor").glob("*.json")).write_text("{}")
    predictors.clear()

    tasks.collect()

    reason = Detection.objects.get().reason
    assert reason["columns"] == []
    assert "checksum" in reason["fault"]


def test_explaining_stops_in_time_and_goes_on_with_the_newest(watched, monkeypatch):
    monkeypatch.setattr(explaining, "_ROWS_AT_ONCE", 2)
    ask(watched, unusual(5))
    collect()
    ticks = iter(range(1_000))
    monkeypatch.setattr(explaining.time, "monotonic", lambda: float(next(ticks)))

    assert explaining.explain(seconds=1.5) == 2
    assert explaining.explain(seconds=600) == 3
    assert explaining.explain(seconds=600) == 0


def test_before_anything_is_asked_nothing_is_read(cast):
    make_model(cast.acme, task="anomaly", algorithm="isolation_forest", target="")

    tasks.collect()

    assert not Collection.objects.exists()
