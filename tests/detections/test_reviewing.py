"""Verdicts on detections over HTTP: one and many, with their history; what is next; who is quicker."""

import uuid
from datetime import timedelta

import pytest

from apps.core import clock
from apps.core.permissions import Role
from apps.detections import actions, lifecycle, tasks
from apps.detections.models import Detection, DetectionReview
from apps.workspaces.models import AuditEntry, Membership
from tests.detections.conftest import ask, unusual, usual

LIST = "/api/v1/detections/"


@pytest.fixture
def found(watched) -> list[Detection]:
    """Return four detections, the least unusual first."""
    ask(watched, [*usual(2), *unusual(4)])
    tasks.collect()
    return list(Detection.objects.order_by("place"))


def verdict(api, user, one, **said):
    return api(user).patch(f"{LIST}{one.pk}/", said, format="json")


def many(api, user, ids, status="confirmed", **said):
    body = {"ids": [str(one) for one in ids], "status": status, **said}
    return api(user).post(f"{LIST}review/", body, format="json")


def listed(api, user, query=""):
    return [one["id"] for one in api(user).get(f"{LIST}{query}").json()["results"]]


def test_a_verdict_is_kept_with_who_gave_it_and_when(cast, api, found):
    answer = verdict(api, cast.annotator, found[0], status="false_positive", note="Our own test.")

    assert answer.status_code == 200, answer.json()
    body = answer.json()
    assert (body["status"], body["note"], body["reviewed_by"]) == ("false_positive", "Our own test.", "annotator-of-acme")
    shown = api(cast.viewer).get(f"{LIST}{found[0].pk}/").json()
    (history,) = shown.pop("reviews")
    assert shown == body
    assert (history["user"], history["before"], history["after"]) == ("annotator-of-acme", "new", "false_positive")
    assert AuditEntry.objects.get(verb="detection.review").details == {"before": "new", "after": "false_positive"}


def test_every_change_stays_in_the_history_and_a_verdict_can_be_taken_back(cast, api, found):
    for status in ("confirmed", "resolved", "new"):
        assert verdict(api, cast.annotator, found[0], status=status).status_code == 200

    shown = api(cast.viewer).get(f"{LIST}{found[0].pk}/").json()

    assert [(one["before"], one["after"]) for one in shown["reviews"]] == [
        ("new", "confirmed"),
        ("confirmed", "resolved"),
        ("resolved", "new"),
    ]
    assert (shown["status"], shown["reviewed_by"], shown["reviewed_at"]) == ("new", None, None)


@pytest.mark.parametrize(("before", "after"), [("false_positive", "resolved"), ("resolved", "false_positive")])
def test_a_change_that_is_none_that_may_be_is_refused_with_those_that_are(before, after, cast, api, found):
    verdict(api, cast.annotator, found[0], status=before)

    refused = verdict(api, cast.annotator, found[0], status=after)

    assert refused.status_code == 409
    assert "take that one back" in refused.json()["detail"]
    assert DetectionReview.objects.count() == 1


def test_every_status_leads_back_to_new():
    assert set(lifecycle.LEGAL) == set(Detection.Status)
    assert all("new" in after for before, after in lifecycle.LEGAL.items() if before != "new")


def test_who_saw_another_status_is_told_that_somebody_was_quicker(cast, api, found):
    verdict(api, cast.annotator, found[0], status="confirmed", was="new")

    late = verdict(api, cast.trainer, found[0], status="false_positive", was="new")

    assert (late.status_code, "meanwhile" in late.json()["detail"]) == (409, True)
    found[0].refresh_from_db()
    assert (found[0].status, found[0].reviewed_by) == ("confirmed", cast.annotator)


def test_a_verdict_between_reading_and_writing_is_not_written_over(cast, found):
    read = Detection.objects.get(pk=found[0].pk)
    Detection.objects.filter(pk=read.pk).update(status="resolved", reviewed_at=clock.now())

    with pytest.raises(actions.Conflict):
        actions.review(detection=read, status="confirmed", note=None, was=None, actor=actions.Actor(cast.annotator.pk))

    read.refresh_from_db()
    assert read.status == "resolved"
    assert not AuditEntry.objects.filter(verb="detection.review").exists()


def test_a_note_is_changed_without_another_verdict(cast, api, found):
    verdict(api, cast.annotator, found[0], status="confirmed", note="Called the bank.")
    verdict(api, cast.annotator, found[0], status="confirmed")
    assert Detection.objects.get(pk=found[0].pk).note == "Called the bank."

    verdict(api, cast.annotator, found[0], status="confirmed", note="")

    assert Detection.objects.get(pk=found[0].pk).note == ""


def test_many_get_one_verdict_and_those_that_have_it_are_left_as_they_are(cast, api, found):
    verdict(api, cast.trainer, found[0], status="confirmed")
    ids = [one.pk for one in found]

    answer = many(api, cast.annotator, [*ids, ids[1]], note="The same fault.")

    assert answer.json() == {"changed": 3, "unchanged": 1}
    assert set(Detection.objects.values_list("status", flat=True)) == {"confirmed"}
    assert Detection.objects.get(pk=found[0].pk).reviewed_by == cast.trainer
    assert DetectionReview.objects.count() == 4
    assert AuditEntry.objects.get(verb="detection.review_many").details["changed"] == 3


def test_of_many_none_is_changed_where_one_may_not(cast, api, found):
    verdict(api, cast.annotator, found[2], status="false_positive")

    refused = many(api, cast.annotator, [one.pk for one in found], status="resolved")

    assert refused.status_code == 409
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/ids/2"]
    assert Detection.objects.filter(status="new").count() == 3
    seen = many(api, cast.annotator, [one.pk for one in found], status="confirmed", was="new")
    assert [fault["pointer"] for fault in seen.json()["errors"]] == ["/ids/2"]


def test_many_of_two_workspaces_are_refused_whole_as_if_they_were_nowhere(cast, api, found, make_watched):
    other = make_watched(cast.rival, name="Theirs")
    ask(other, unusual(1))
    tasks.collect()
    theirs = Detection.objects.get(workspace=cast.rival)
    mine = [one.pk for one in found]

    strangers = many(api, cast.annotator, [*mine, theirs.pk])
    nobody_s = many(api, cast.annotator, [*mine, uuid.uuid4()])
    Membership.objects.create(workspace=cast.rival, user=cast.annotator, role=Role.OWNER)
    of_both = many(api, cast.annotator, [*mine, theirs.pk])

    assert [answer.status_code for answer in (strangers, nobody_s, of_both)] == [404, 404, 404]
    assert strangers.json()["detail"] == nobody_s.json()["detail"]
    assert not Detection.objects.exclude(status="new").exists()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/ids"),
        ({"ids": [], "status": "confirmed"}, "/ids"),
        ({"ids": "all", "status": "confirmed"}, "/ids"),
        ({"ids": ["x"], "status": "confirmed"}, "/ids/0"),
        ({"ids": [None], "status": "confirmed"}, "/ids/0"),
        ({"ids": [str(uuid.uuid4())] * 1_001, "status": "confirmed"}, "/ids"),
        ({"ids": [str(uuid.uuid4())], "status": "fine"}, "/status"),
        ({"ids": [str(uuid.uuid4())], "status": ["new"]}, "/status"),
        ({"ids": [str(uuid.uuid4())], "status": "new", "note": "x" * 1_001}, "/note"),
        ({"ids": [str(uuid.uuid4())], "status": "new", "note": "\x00"}, "/note"),
        ({"ids": [str(uuid.uuid4())], "status": "new", "all": True}, "/all"),
        ([], ""),
    ],
)
def test_a_body_that_says_nothing_or_too_much_is_refused_by_name(body, pointer, cast, api):
    refused = api(cast.annotator).post(f"{LIST}review/", body, format="json")

    assert refused.status_code in {400, 422}
    assert any(fault["pointer"].startswith(pointer) for fault in refused.json()["errors"])


def test_lists_are_filtered_and_ordered(cast, api, watched, found):
    verdict(api, cast.annotator, found[0], status="confirmed")
    by_score = [str(one.pk) for one in Detection.objects.order_by("score", "pk")]
    middle = Detection.objects.order_by("score")[2].score

    assert listed(api, cast.viewer, "?status=confirmed") == [str(found[0].pk)]
    assert set(listed(api, cast.viewer, f"?model={watched.pk}&version=1&workspace={cast.acme.pk}")) == set(by_score)
    assert listed(api, cast.viewer, f"?model={uuid.uuid4()}") == []
    assert listed(api, cast.viewer, "?version=2") == []
    assert {one["score"] for one in api(cast.viewer).get(f"{LIST}?min_score={middle}").json()["results"]} <= {
        one.score for one in found if one.score >= middle
    }
    assert listed(api, cast.viewer, "?since=2999-01-01T00:00:00Z") == []
    assert len(listed(api, cast.viewer, "?until=2999-01-01T00:00:00Z")) == 4
    scores = [one["score"] for one in api(cast.viewer).get(f"{LIST}?ordering=-score").json()["results"]]
    assert scores == sorted(scores, reverse=True)


def test_recent_ones_are_those_of_the_last_days(cast, api, found):
    Detection.objects.filter(pk=found[0].pk).update(occurred_at=clock.now() - timedelta(days=8))

    def recent(query):
        return len(api(cast.viewer).get(f"{LIST}recent/{query}").json()["results"])

    assert (recent("?days=7"), recent(""), recent("?days=9"), recent("?days=9&status=confirmed")) == (3, 3, 4, 0)
    refused = api(cast.viewer).get(f"{LIST}recent/?days=0")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "days")


def test_what_is_next_is_near_the_threshold_and_unlike_the_rest(cast, api, watched):
    ask(watched, [*unusual(6), *unusual(2, town="Nice")])
    tasks.collect()
    waiting = list(Detection.objects.order_by("score"))

    told = api(cast.viewer).get(f"{LIST}next/?count=3").json()

    assert len(told["results"]) == 3
    assert told["results"][0]["score"] == waiting[0].score  # of the least score there may be several
    assert {one["row"]["town"] for one in told["results"]} == {"Lyon", "Nice"}
    assert "k-centre" in told["method"]
    assert len(api(cast.viewer).get(f"{LIST}next/?count=50").json()["results"]) == 8
    assert api(cast.viewer).get(f"{LIST}next/?count=51").status_code == 422


def test_what_is_reviewed_is_not_suggested_again(cast, api, found):
    many(api, cast.annotator, [one.pk for one in found[:3]])

    told = api(cast.viewer).get(f"{LIST}next/").json()

    assert [one["id"] for one in told["results"]] == [str(found[3].pk)]


def test_old_ones_go_when_nobody_reviewed_them_and_not_before_they_are_counted(cast, api, found, settings):
    verdict(api, cast.annotator, found[0], status="confirmed")
    settings.DETECTIONS_KEEP_DAYS = 30
    Detection.objects.update(occurred_at=clock.now() - timedelta(days=31), changed_at=clock.now() - timedelta(hours=1))
    Detection.objects.filter(pk=found[1].pk).update(occurred_at=clock.now() - timedelta(days=29))

    tasks.sweep()
    assert Detection.objects.count() == 4
    tasks.statistics()
    tasks.sweep()
    tasks.sweep()

    assert set(Detection.objects.values_list("pk", flat=True)) == {found[0].pk, found[1].pk}
