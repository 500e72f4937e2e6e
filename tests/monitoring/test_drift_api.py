"""Drift checks over HTTP: what a version answered since the last check, beside what it learned from."""

import json
import uuid
from datetime import timedelta

import pytest

from apps.core import clock
from apps.monitoring import actions, tasks
from apps.monitoring.lifecycle import checks
from apps.monitoring.models import DriftReport
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import version_folder
from apps.workspaces.access import SYSTEM
from apps.workspaces.models import AuditEntry
from tests.factories import make_model
from tests.monitoring.conftest import ask, rows_of, run_waiting


def start(api, user, model):
    return api(user).post(f"/api/v1/models/{model.pk}/detect_drift/")


def states(report):
    return {one["column"]: one["state"] for one in report.verdict["columns"]}


def test_a_version_keeps_a_profile_of_what_it_learned_from(watched):
    version = ModelVersion.objects.get(model=watched)

    stored = json.loads((version_folder(version) / "reference.json").read_text())

    assert "reference.json" in version.manifest["files"]
    assert [(column["name"], column["rows"]) for column in stored["columns"]] == [
        ("a", 1_500),
        ("b", 1_500),
        ("town", 1_500),
    ]
    assert [(answer["name"], answer["rows"]) for answer in stored["answers"]] == [
        ("answer", 300),
        ("probability of the answer", 300),
    ]


def test_rows_like_those_it_learned_from_are_steady(cast, api, watched):
    ask(watched, rows_of(400, seed=1))

    started = start(api, cast.trainer, watched)
    (report,) = run_waiting()

    assert started.status_code == 202
    assert started.json()["status"] == "pending"
    assert started["Location"] == f"/api/v1/models/{watched.pk}/drift/{report.pk}/"
    shown = api(cast.viewer).get(started["Location"]).json()
    assert (shown["status"], shown["state"], shown["rows"], shown["share"]) == ("completed", "steady", 400, 0.0)
    assert shown["verdict"]["sentence"] == "Nothing drifted."
    assert AuditEntry.objects.filter(verb="drift.check").count() == 1


def test_a_shift_is_seen_in_one_window_and_alarms_in_the_next(cast, api, watched):
    for seed in (1, 2):
        ask(watched, rows_of(400, seed=seed, moved=1.0))
        start(api, cast.trainer, watched)
        run_waiting()

    first, second = run_waiting()

    assert (first.state, states(first)) == ("drifting", {"a": "drifting", "b": "steady", "town": "steady"})
    assert (second.state, states(second)) == ("alarm", {"a": "alarm", "b": "steady", "town": "steady"})
    assert (first.rows, second.rows) == (400, 400)  # each row once
    assert second.since == first.until
    assert 0.5 < second.share <= 1.0  # it is the column that matters
    alarm = next(one for one in second.verdict["columns"] if one["column"] == "a")
    assert alarm["since"] == f"{first.until:%Y-%m-%d %H:%M} UTC"
    assert {one["state"] for one in second.verdict["answers"]} >= {"alarm"}  # more is answered "yes" than was


def test_a_window_of_too_few_rows_says_so_and_its_rows_count_in_the_next(cast, api, watched):
    ask(watched, rows_of(20, seed=1))
    start(api, cast.trainer, watched)
    (few,) = run_waiting()
    ask(watched, rows_of(300, seed=2))
    start(api, cast.trainer, watched)

    _, enough = run_waiting()

    assert (few.state, few.rows) == ("unknown", 20)
    assert (enough.state, enough.rows, enough.since) == ("steady", 320, few.since)


def test_one_check_of_a_model_at_a_time(cast, api, watched):
    first, again = start(api, cast.trainer, watched), start(api, cast.trainer, watched)

    assert first.json()["id"] == again.json()["id"]
    assert DriftReport.objects.count() == 1


def test_every_model_with_a_live_version_is_checked_where_one_may_train(cast, api, watched):
    make_model(cast.acme, name="never trained")

    answer = api(cast.trainer).post("/api/v1/models/detect_drift/")
    of_a_viewer = api(cast.viewer).post("/api/v1/models/detect_drift/")

    assert answer.status_code == 202
    assert [report["model"] for report in answer.json()["reports"]] == [str(watched.pk)]
    assert of_a_viewer.status_code == 403


def test_the_nightly_task_asks_for_each(watched):
    tasks.check_all()

    assert DriftReport.objects.get().model == watched


def test_a_model_that_was_never_trained_has_nothing_to_compare(cast, api):
    refused = start(api, cast.trainer, make_model(cast.acme))

    assert refused.status_code == 409
    assert "no trained version" in refused.json()["detail"]


def test_a_forecast_is_not_checked_by_night_and_by_hand_it_is_said_why(cast, api, watched):
    RegisteredModel.objects.filter(pk=watched.pk).update(task="forecast")

    tasks.check_all()
    refused = start(api, cast.trainer, watched)

    assert not DriftReport.objects.exists()
    assert (refused.status_code, "is not checked for drift" in refused.json()["detail"]) == (409, True)


def test_a_damaged_profile_is_refused_before_it_is_read(cast, api, watched):
    version = ModelVersion.objects.get(model=watched)
    (version_folder(version) / "reference.json").write_text("{}")
    ask(watched, rows_of(50, seed=1))
    start(api, cast.trainer, watched)

    (report,) = run_waiting()

    assert report.status == "failed"
    assert "does not match its checksum" in report.error


def test_a_version_without_a_profile_says_what_to_do(cast, api, watched):
    version = ModelVersion.objects.get(model=watched)
    files = {name: told for name, told in version.manifest["files"].items() if name != "reference.json"}
    ModelVersion.objects.filter(pk=version.pk).update(manifest={**version.manifest, "files": files})
    start(api, cast.trainer, watched)

    (report,) = run_waiting()

    assert report.status == "failed"
    assert "Train the model again" in report.error


def test_a_check_whose_run_died_is_taken_back_and_given_up_after_three(watched, monkeypatch):
    report = actions.start_check(model=watched, actor=SYSTEM)
    now = clock.now()
    for minutes in (10, 20, 30):
        assert checks.claim(report.pk) is not None
        monkeypatch.setattr(clock, "now", lambda later=minutes: now + timedelta(minutes=later))
        checks.take_back_expired()

    report.refresh_from_db()
    assert (report.status, report.attempt) == ("failed", 3)
    assert "died three times" in report.error


def test_a_run_that_lost_its_lease_writes_nothing(watched):
    report = actions.start_check(model=watched, actor=SYSTEM)
    assert checks.claim(report.pk) is not None

    from apps.monitoring.engine import checking

    checking.check(report.pk, uuid.uuid4())

    report.refresh_from_db()
    assert (report.status, report.state) == ("running", "")


def test_a_message_that_comes_twice_or_too_late_does_nothing(watched):
    report = actions.start_check(model=watched, actor=SYSTEM)

    for _ in range(2):
        tasks.run_check(str(report.pk))

    report.refresh_from_db()
    assert (report.status, report.attempt) == ("completed", 1)


def test_what_the_broker_lost_is_sent_again(watched, monkeypatch):
    sent = []
    monkeypatch.setattr(actions, "send_check", sent.append)
    report = actions.start_check(model=watched, actor=SYSTEM)
    now = clock.now()

    tasks.dispatch_checks()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=1))
    tasks.dispatch_checks()

    assert sent == [report.pk]


@pytest.mark.parametrize("query", ["status=completed", "state=steady", "state=alarm"])
def test_reports_are_listed_and_filtered(query, cast, api, watched):
    ask(watched, rows_of(100, seed=3))
    start(api, cast.trainer, watched)
    run_waiting()

    told = api(cast.viewer).get(f"/api/v1/models/{watched.pk}/drift/?{query}").json()

    assert told["count"] == (0 if "alarm" in query else 1)
