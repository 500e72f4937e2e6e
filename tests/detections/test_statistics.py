"""Counts by hour and day: each hour once, days of the local calendar, and no rate without how many it is of."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from apps.core import clock
from apps.core.shares import wilson
from apps.detections import tasks
from apps.detections.engine import counting
from apps.detections.models import Detection, DetectionStatistics
from apps.predictions.models import PredictionLog
from tests.detections.conftest import ALERT_SHARE, ask, file_version, unusual, usual
from tests.factories import make_model


def told(api, user, model, query=""):
    return api(user).get(f"/api/v1/models/{model.pk}/detection_statistics/{query}").json()


def review(api, user, statuses):
    for one, status in zip(Detection.objects.order_by("occurred_at", "place"), statuses, strict=False):
        answer = api(user).patch(f"/api/v1/detections/{one.pk}/", {"status": status}, format="json")
        assert answer.status_code == 200


def count_again():
    """Count as the next hour's run does."""
    tasks.statistics()


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def paris(settings):
    settings.PAGES_TIME_ZONE = "Europe/Paris"


def test_a_rate_is_of_what_was_reviewed_and_says_how_sure_it_is(cast, api, watched):
    ask(watched, [*usual(40), *unusual(10)])
    tasks.collect()
    review(api, cast.annotator, ["confirmed", "confirmed", "resolved", "false_positive"])
    tasks.statistics()

    found = told(api, cast.viewer, watched)

    total = found["total"]
    assert (total["rows"], total["detections"], total["suppressed"], total["reviewed"]) == (50, 10, 0, 4)
    assert (total["confirmed"], total["resolved"], total["false_positives"]) == (2, 1, 1)
    low, high = wilson(0.25, 4)
    assert total["false_positive_rate"] == {"rate": 0.25, "n": 4, "interval": [low, high], "level": 0.95}
    assert total["alert_rate"]["rate"] == pytest.approx(0.2)
    assert total["alert_rate"]["n"] == 50
    (version,) = found["versions"]
    assert (version["version"], version["budget"], version["rows"]) == (1, ALERT_SHARE, 50)
    assert len(found["periods"]) == 30
    assert found["periods"][-1]["detections"] == 10


def test_of_nothing_there_is_no_rate(cast, api, watched):
    found = told(api, cast.viewer, watched)

    assert found["total"]["false_positive_rate"] == {"rate": None, "n": 0, "interval": None, "level": 0.95}
    assert (found["counted_at"], found["versions"], len(found["periods"])) == (None, [], 30)


def test_counted_twice_it_is_the_same_and_a_late_review_is_counted_in_its_hour(cast, api, watched):
    ask(watched, unusual(3))
    tasks.collect()
    old = clock.now() - timedelta(days=3)
    Detection.objects.update(occurred_at=old)
    PredictionLog.objects.update(at=old)
    for _ in range(3):
        tasks.statistics()
    before = DetectionStatistics.objects.get()

    review(api, cast.annotator, ["false_positive"])
    count_again()

    after = DetectionStatistics.objects.get()
    assert (before.detections, before.rows, before.false_positives) == (3, 3, 0)
    assert (after.pk, after.detections, after.rows, after.false_positives) == (before.pk, 3, 3, 1)


def test_a_verdict_shows_at_once_before_and_after_its_hour_is_counted(cast, api, watched):
    ask(watched, [*usual(8), *unusual(2)])
    tasks.collect()
    review(api, cast.annotator, ["confirmed"])
    early = told(api, cast.viewer, watched)["total"]
    tasks.statistics()
    counted = told(api, cast.viewer, watched)["total"]
    review(api, cast.annotator, ["new", "false_positive"])

    late = told(api, cast.viewer, watched)

    assert (early["detections"], early["confirmed"], early["reviewed"]) == (1, 1, 1)
    assert (counted["detections"], counted["confirmed"], counted["reviewed"]) == (2, 1, 1)
    assert (late["total"]["confirmed"], late["total"]["false_positives"]) == (0, 1)
    assert late["total"]["false_positive_rate"]["rate"] == 1.0
    assert late["versions"][0]["false_positives"] == late["periods"][-1]["false_positives"] == 1


def test_only_hours_that_something_happened_in_are_counted_again(watched, monkeypatch):
    ask(watched, unusual(1))
    tasks.collect()
    assert counting.count_hours() == 1
    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    counting.count_hours()

    assert counting.count_hours() == 0


def test_what_left_the_log_is_still_counted(cast, api, watched):
    ask(watched, [*usual(7), *unusual(3)])
    tasks.collect()
    tasks.statistics()
    PredictionLog.objects.all().delete()
    Detection.objects.filter(place=9).delete()

    review(api, cast.annotator, ["confirmed"])
    count_again()

    one = DetectionStatistics.objects.get()
    assert (one.rows, one.detections, one.confirmed) == (10, 3, 1)


def test_what_is_hidden_is_counted_apart_and_never_in_the_rate_of_false_alarms(cast, api, watched):
    body = {"conditions": [{"column": "town", "equals": "Nice"}], "reason": "known"}
    api(cast.trainer).post(f"/api/v1/models/{watched.pk}/suppression_rules/", body, format="json")
    ask(watched, [*unusual(2), *unusual(3, town="Nice")])
    tasks.collect()
    review(api, cast.annotator, ["confirmed", "confirmed", "false_positive", "false_positive", "false_positive"])
    tasks.statistics()

    total = told(api, cast.viewer, watched)["total"]

    assert (total["detections"], total["suppressed"], total["reviewed"]) == (2, 3, 2)
    assert total["false_positive_rate"]["rate"] == 0
    assert total["alert_rate"]["rate"] == 1


def test_versions_are_told_apart(cast, api, watched, forest):
    from apps.registry.actions import promote_version
    from apps.workspaces.access import SYSTEM

    ask(watched, unusual(1))
    promote_version(version=file_version(watched, forest), actor=SYSTEM)
    ask(watched, unusual(2))
    tasks.collect()
    tasks.statistics()

    found = told(api, cast.viewer, watched)

    assert [(one["version"], one["detections"]) for one in found["versions"]] == [(1, 1), (2, 2)]
    assert found["total"]["detections"] == 3


@pytest.mark.usefixtures("paris")
@pytest.mark.parametrize(
    ("now", "hours", "inside", "outside"),
    [
        ("2026-10-25T20:00", 25, ["2026-10-24T22:00", "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T22:59"], "2026-10-25T23:00"),
        ("2026-03-29T20:00", 23, ["2026-03-28T23:00", "2026-03-29T01:30", "2026-03-29T21:59"], "2026-03-29T22:00"),
        ("2026-06-10T20:00", 24, ["2026-06-09T22:00", "2026-06-10T21:59"], "2026-06-10T22:00"),
    ],
)  # fmt: skip
def test_a_day_is_one_of_the_local_calendar_also_when_clocks_change(
    now, hours, inside, outside, cast, api, watched, monkeypatch
):
    ask(watched, unusual(1))
    tasks.collect()
    one, entry = Detection.objects.get(), PredictionLog.objects.get()
    kept = {field.attname: getattr(one, field.attname) for field in Detection._meta.concrete_fields if field.name != "id"}
    Detection.objects.all().delete()
    PredictionLog.objects.filter(pk=entry.pk).update(at=at(inside[0]))
    for place, moment in enumerate([*inside, outside]):
        Detection.objects.create(**{**kept, "place": place, "occurred_at": at(moment)})
    tasks.statistics()
    monkeypatch.setattr(clock, "now", lambda: at(now))

    days = told(api, cast.viewer, watched, "?days=3")["periods"]
    by_hour = told(api, cast.viewer, watched, "?days=1&by=hour")["periods"]

    assert [day["hours"] for day in days] == [24, 24, hours]
    assert [day["detections"] for day in days] == [0, 0, len(inside)]
    assert at(inside[0]) == datetime.fromisoformat(days[-1]["start"])
    starts = [datetime.fromisoformat(hour["start"]) for hour in by_hour]
    assert starts[0] == at(inside[0])
    assert {b - a for a, b in pairwise(starts)} == {timedelta(hours=1)}  # none is missing, none there twice
    assert max(hour["detections"] for hour in by_hour) == 1


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("days=0", "days"), ("days=367", "days"), ("days=x", "days"), ("by=week", "by"), ("by=hour&days=32", "days"), ("per=day", "per")],
)  # fmt: skip
def test_what_is_asked_of_no_calendar_is_refused_by_name(query, pointer, cast, api):
    model = make_model(cast.acme)

    answer = api(cast.viewer).get(f"/api/v1/models/{model.pk}/detection_statistics/?{query}")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
