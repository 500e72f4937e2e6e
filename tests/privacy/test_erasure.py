"""A person is erased: from every place, with a certificate; the models that learned from them are marked."""

import json
import logging
from pathlib import Path

import pytest

from apps.datasets.models import Dataset, DatasetVersion, Erasure
from apps.detections.engine import collecting
from apps.detections.models import Detection
from apps.feedback.actions import Verdict, give_many
from apps.feedback.models import Feedback, FeedbackSample
from apps.predictions import actions as predictions
from apps.predictions.models import BatchPrediction, PredictionLog
from apps.privacy import certificate
from apps.privacy.models import SubjectRequest
from apps.registry.models import ModelVersion
from apps.registry.selectors import learned_and_erased
from apps.workspaces.access import SYSTEM
from apps.workspaces.models import AuditEntry, IdempotencyRecord
from apps.workspaces.subjects import pseudonym
from tests.dashboard.conftest import as_file, checked, train
from tests.privacy.conftest import NOTE, PERSON, as_csv, asked, found_in, rows_of_people, work


def post(api, user, workspace, what, **body):
    return api(user).post(f"/api/v1/workspaces/{workspace.pk}/subjects/{what}/", body, format="json")


def erase(api, cast, workspace, subject=PERSON):
    """Count, then erase, as an owner does."""
    counted = post(api, cast.owner, workspace, "erase", subject=subject, dry_run=True)
    assert counted.status_code == 202, counted.json()
    count = work(SubjectRequest.objects.get(pk=counted.json()["id"]))
    assert count.status == "completed", count.error
    asked_for = post(api, cast.owner, workspace, "erase", subject=subject, counted=count.pk)
    assert asked_for.status_code == 202, asked_for.json()
    return count, work(SubjectRequest.objects.get(pk=asked_for.json()["id"]))


def leave_more(traces, cast, api):
    """Leave traces at every other door: verdicts, kept answers, an upload that was refused, an export."""
    address = f"/api/v1/models/{traces.model.pk}"
    verdict = {"prediction": traces.answered[0], "correct": False, "subject": PERSON}
    about = {"prediction": traces.answered[7], "label": "no"}
    for said, key in ((verdict, "a"), (about, "b")):
        answer = api(cast.annotator).post(f"{address}/feedback/", said, format="json", headers={"Idempotency-Key": key})
        assert answer.status_code == 201, answer.json()
    rule = api(cast.trainer).put(f"{address}/detection_rule/", {"is_on": True, "labels": ["yes", "no"]}, format="json")
    assert rule.status_code == 200, rule.json()
    body = {"data": asked(rows_of_people()[:10])}
    api(cast.viewer).post(f"{address}/predict/", body, format="json", headers={"Idempotency-Key": "c"})
    dataset = f"/api/v1/datasets/{traces.version.dataset_id}/versions/"
    for name, content in (("good.csv", as_csv(rows_of_people(seed=1))), ("bad.csv", as_csv(rows_of_people()) + b"\nx,y\n")):
        file = {"file": as_file(content, name)}
        api(cast.trainer).post(dataset, file, format="multipart", headers={"Idempotency-Key": name})
        checked(DatasetVersion.objects.order_by("-number").first())
        api(cast.trainer).post(
            dataset, {"file": as_file(content, name)}, format="multipart", headers={"Idempotency-Key": name}
        )
    export = post(api, cast.owner, traces.workspace, "export", subject=PERSON)
    assert work(SubjectRequest.objects.get(pk=export.json()["id"])).status == "completed"


def test_after_an_erasure_nothing_of_a_person_is_left(traces, cast, api, caplog, prediction_log):
    caplog.set_level(logging.DEBUG)
    leave_more(traces, cast, api)
    prediction_log.flush()
    collecting.collect()
    before = found_in(PERSON, NOTE)
    assert {"datasets_datasetversion"} <= set(before[PERSON])
    assert any(place.startswith("uploads/") for place in before[PERSON])
    assert any(place.startswith("tables/") for place in before[NOTE])
    assert any(place.startswith("predictions/") for place in before[NOTE])
    assert any(place.startswith("private/exports/") for place in before[PERSON])
    assert Detection.objects.count() == 10

    counted, erased = erase(api, cast, traces.workspace)

    assert erased.status == "completed", (erased.error, erased.waits_for)
    assert found_in(PERSON, NOTE) == {PERSON: [], NOTE: []}
    assert PERSON not in caplog.text
    assert NOTE not in caplog.text
    told = json.loads(erased.certificate)
    assert told["erased"]["dataset_rows"] == counted.counts["dataset_rows"] == 8  # of two versions
    assert told["erased"]["batch_rows"] == counted.counts["batch_rows"] == 4
    assert told["erased"]["predictions"] == counted.counts["predictions"] == 1 + 4 + 1
    assert told["erased"]["detections"] == counted.counts["detections"] == 1
    assert told["erased"]["feedback"] == counted.counts["feedback"] == 2
    assert (told["erased"]["exports"], told["erased"]["refused_uploads"], told["remaining"]) == (1, 1, 0)
    assert told["erased"]["answers"] > 0


def test_requests_that_were_said_to_be_for_a_person_are_erased_whole(traces, cast, api, prediction_log):
    """Also those of a model whose data name no subject, also what was detected in them."""
    model, address = traces.model, f"/api/v1/models/{traces.model.pk}"
    api(cast.trainer).put(f"{address}/detection_rule/", {"is_on": True, "labels": ["yes", "no"]}, format="json")
    for subject in (PERSON, "person-99", None):
        body = {"data": [{"amount": 300}, {"amount": 20}], **({"subject": subject} if subject else {})}
        answer = api(cast.viewer).post(f"{address}/predict/", body, format="json")
        assert answer.status_code == 200, answer.json()
    prediction_log.flush()
    collecting.collect()
    logged = PredictionLog.objects.filter(model=model)
    kept = set(
        logged.filter(row_count=2).exclude(subject=pseudonym(model.workspace_id, PERSON)).values_list("pk", flat=True)
    )
    assert not logged.filter(subject__contains=PERSON).exists()

    counted, erased = erase(api, cast, traces.workspace)

    told = json.loads(erased.certificate)["erased"]
    assert told["predictions"] == counted.counts["predictions"] == 1 + 4 + 2
    assert told["detections"] == counted.counts["detections"] == 2
    assert set(logged.filter(row_count=2).values_list("pk", flat=True)) == kept
    assert {one.entry_id for one in Detection.objects.all()} == kept


def test_kept_rows_of_a_person_are_found_when_their_prediction_has_left_the_log(traces, cast, api, prediction_log):
    address = f"/api/v1/models/{traces.model.pk}"
    for prediction in (traces.answered[7], traces.answered[0]):  # of the person, and of another
        kept = api(cast.annotator).post(
            f"{address}/feedback/samples/", {"prediction": prediction, "consent": "true"}, format="multipart"
        )
        assert kept.status_code == 201, kept.json()
    PredictionLog.objects.all().delete()  # as retention does

    counted, erased = erase(api, cast, traces.workspace)

    assert counted.counts["samples"] == json.loads(erased.certificate)["erased"]["samples"] == 1
    assert FeedbackSample.objects.count() == 1
    assert found_in(PERSON, NOTE) == {PERSON: [], NOTE: []}


def test_others_keep_their_rows_their_ids_and_their_answers(traces, cast, api):
    others = [row for row in rows_of_people() if row["customer"] != PERSON]
    theirs = PredictionLog.objects.order_by("at").first().predictions

    erase(api, cast, traces.workspace)

    version = DatasetVersion.objects.get(pk=traces.version.pk)
    assert (version.status, version.rows, len(version.preview)) == ("ready", len(others), 50)
    assert version.warnings[0]["code"] == "erased"
    assert api(cast.viewer).get(f"/api/v1/datasets/{version.dataset_id}/download/").status_code == 200
    entry = PredictionLog.objects.get()  # that of the person alone is gone
    assert [answer for place, answer in enumerate(entry.predictions) if place != 7] == theirs[:7] + theirs[8:]
    address = "/api/v1/predictions/"
    assert api(cast.viewer).get(f"{address}{traces.answered[8]}/").json()["prediction"] == theirs[8]
    assert api(cast.viewer).get(f"{address}{traces.answered[7]}/").status_code == 404
    gone = api(cast.annotator).post(
        f"/api/v1/models/{traces.model.pk}/feedback/", {"prediction": traces.answered[7], "correct": True}, format="json"
    )
    assert gone.status_code == 404
    assert BatchPrediction.objects.get(pk=traces.batch.pk).rows == len(others)
    result = api(cast.viewer).get(f"/api/v1/batch_predictions/{traces.batch.pk}/download/")
    assert len(b"".join(result.streaming_content).splitlines()) == len(others) + 1


def test_what_learned_from_the_rows_is_marked_and_what_learns_anew_is_not(traces, cast, api):
    _, erased = erase(api, cast, traces.workspace)
    version = DatasetVersion.objects.get(pk=traces.version.pk)
    campaign = train(traces.model, version, seed=5)
    assert campaign.status == "completed", campaign.error

    first, second = ModelVersion.objects.order_by("number")
    marked = learned_and_erased(first)

    assert (marked.rows, learned_and_erased(second)) == (4, None)
    address = f"/api/v1/models/{traces.model.pk}/versions"
    shown = api(cast.viewer).get(f"{address}/1/").json()["trained_with_erased"]
    assert shown["rows"] == 4
    assert "train the model again" in shown["advice"]
    assert api(cast.viewer).get(f"{address}/2/").json()["trained_with_erased"] is None
    assert "Erased since" in api(cast.viewer).get(f"{address}/1/card/").content.decode()
    (told,) = json.loads(erased.certificate)["model_versions"]
    assert (told["version"], told["trained_with_erased"], told["holds_ids"]) == (1, 4, False)


def test_a_version_filed_after_the_erasure_that_had_read_the_rows_before_is_marked(traces, cast, api):
    erase(api, cast, traces.workspace)
    late = ModelVersion.objects.get()
    late.pk, late.number, late.folder = None, 2, "elsewhere"
    late.campaign_id = erased_id = DatasetVersion.objects.get().pk
    late.save(force_insert=True)

    assert erased_id
    assert learned_and_erased(ModelVersion.objects.get(number=2)).rows == 4


def test_a_version_that_learned_from_labels_of_the_person_is_marked(traces, cast, api):
    def say(label):
        verdicts = [Verdict(one, label=label, subject=PERSON) for one in traces.answered[:1]]
        give_many(model=traces.model, verdicts=verdicts, source="api", actor=SYSTEM)

    say("no")
    taught = train(traces.model, traces.version, seed=5, feedback=True)
    assert taught.status == "completed", taught.error
    say("yes")  # corrected after it was learned
    dataset_only = train(traces.model, traces.version, seed=6)

    _, erased = erase(api, cast, traces.workspace)
    later = train(traces.model, DatasetVersion.objects.get(pk=traces.version.pk), seed=7, feedback=True)

    marked = {campaign.version.number: learned_and_erased(campaign.version) for campaign in (taught, dataset_only, later)}
    assert [marked[2].rows, marked[3].rows, marked[4]] == [5, 4, None]
    told = {one["version"]: one["trained_with_erased"] for one in json.loads(erased.certificate)["model_versions"]}
    assert told == {1: 4, 2: 5, 3: 4}


def test_the_certificate_is_signed_and_names_hashes_and_no_id(traces, cast, api):
    before = DatasetVersion.objects.get(pk=traces.version.pk)
    _, erased = erase(api, cast, traces.workspace)

    address = f"/api/v1/workspaces/{traces.workspace.pk}/subjects/requests/{erased.pk}/certificate/"
    answer = api(cast.owner).get(address)
    told, signature = answer.json()["certificate"], answer.json()["signature"]

    assert "attachment" in answer["Content-Disposition"]
    assert certificate.is_ours(told, signature)
    assert not certificate.is_ours({**told, "remaining": 1}, signature)
    assert told["subject"] == pseudonym(traces.workspace.pk, PERSON)
    after = DatasetVersion.objects.get(pk=traces.version.pk)
    (changed,) = told["dataset_versions"]
    assert changed["before"] == {
        "content": before.content_hash,
        "upload": before.upload_sha256,
        "table": before.table_sha256,
    }
    assert changed["after"] == {"content": after.content_hash, "table": after.table_sha256}
    assert told["asked_by"] == cast.owner.pk
    details = AuditEntry.objects.get(verb="subject.erased").details
    assert (details["subject"], details["erased"]["dataset_rows"]) == (told["subject"], 4)


def test_an_erasure_must_be_counted_first(traces, cast, api):
    unseen = post(api, cast.owner, traces.workspace, "erase", subject=PERSON)
    other = post(api, cast.owner, traces.workspace, "erase", subject="person-01", dry_run=True).json()["id"]
    work(SubjectRequest.objects.get(pk=other))
    of_another = post(api, cast.owner, traces.workspace, "erase", subject=PERSON, counted=other)

    assert [answer.status_code for answer in (unseen, of_another)] == [409, 409]
    assert found_in(NOTE)[NOTE]


def test_a_count_is_used_up_by_its_erasure_and_is_of_one_subject(traces, cast, api):
    count, _ = erase(api, cast, traces.workspace)

    again = post(api, cast.owner, traces.workspace, "erase", subject=PERSON, counted=count.pk)
    other = post(api, cast.owner, traces.workspace, "erase", subject="person-08", counted=count.pk)

    assert (again.status_code, other.status_code) == (409, 409)
    assert "look first at what it would reach" in again.json()["detail"]
    assert other.json()["detail"] == "This is not the id that was counted: write it as it was written then."


def test_asked_twice_there_is_one_request(traces, cast, api):
    first = post(api, cast.owner, traces.workspace, "erase", subject=PERSON, dry_run=True).json()["id"]
    again = post(api, cast.owner, traces.workspace, "erase", subject=f" {PERSON} ", dry_run=True).json()["id"]

    assert first == again
    assert SubjectRequest.objects.count() == 1


class Killed(BaseException):
    """As a process that is killed ends: no handler of ours takes it."""


PLACES = [
    "apps.privacy.engine.erasing.Erasing._destroy",
    "apps.datasets.engine.erasing.publish_file",
    "apps.privacy.engine.erasing.destroy_file",
    "apps.privacy.engine.erasing.write_result_without",
    "apps.privacy.engine.erasing.take_out",
    "apps.privacy.engine.erasing.forget_answers",
    "apps.privacy.engine.erasing.complete",
]


def test_killed_at_any_place_it_goes_on_and_ends_once(traces, cast, api, monkeypatch, prediction_log):
    leave_more(traces, cast, api)
    body = {"data": [{"amount": 300}, {"amount": 20}], "subject": PERSON}
    assert api(cast.viewer).post(f"/api/v1/models/{traces.model.pk}/predict/", body, format="json").status_code == 200
    prediction_log.flush()
    counted = post(api, cast.owner, traces.workspace, "erase", subject=PERSON, dry_run=True)
    work(SubjectRequest.objects.get(pk=counted.json()["id"]))
    asked_for = post(api, cast.owner, traces.workspace, "erase", subject=PERSON, counted=counted.json()["id"])
    request = SubjectRequest.objects.get(pk=asked_for.json()["id"])

    def die(*_args, **_more):
        raise Killed

    for place in PLACES:
        with monkeypatch.context() as here:
            here.setattr(place, die)
            with pytest.raises(Killed):
                work(request)
        SubjectRequest.objects.filter(pk=request.pk).update(status="pending", token=None)  # as the dispatcher does
    work(request)

    assert request.status == "completed", request.error
    assert found_in(PERSON, NOTE) == {PERSON: [], NOTE: []}
    told = json.loads(request.certificate)["erased"]
    assert (told["dataset_rows"], told["batch_rows"], told["predictions"], told["feedback"]) == (8, 4, 8, 2)
    assert AuditEntry.objects.filter(verb="subject.erased").count() == 1


def test_the_same_bytes_of_another_workspace_stay(traces, cast, api):
    from tests.dashboard.conftest import upload

    theirs = upload(cast.rival, as_csv(rows_of_people()), name="Theirs")

    erase(api, cast, traces.workspace)

    assert api(cast.stranger).get(f"/api/v1/datasets/{theirs.dataset_id}/download/").status_code == 200
    assert (
        Path(api(cast.stranger).get(f"/api/v1/datasets/{theirs.dataset_id}/preview/").json()["rows"][7]["customer"]).name
        == PERSON
    )


def test_a_version_of_nobody_else_is_left_empty(traces, cast, api):
    mine = [row for row in rows_of_people() if row["customer"] == PERSON]
    dataset = f"/api/v1/datasets/{traces.version.dataset_id}/versions/"
    api(cast.trainer).post(dataset, {"file": as_file(as_csv(mine), "mine.csv")}, format="multipart")
    alone = checked(DatasetVersion.objects.order_by("-number").first())
    assert alone.status == "ready"

    _, erased = erase(api, cast, traces.workspace)

    alone.refresh_from_db()
    assert (erased.status, alone.status, alone.rows, alone.preview) == ("completed", "refused", 0, [])
    assert alone.problems[0]["code"] == "erased"
    assert Erasure.objects.get(dataset_version=alone).content_after == ""


def test_it_waits_for_an_upload_that_is_being_checked(traces, cast, api):
    dataset = f"/api/v1/datasets/{traces.version.dataset_id}/versions/"
    api(cast.trainer).post(dataset, {"file": as_file(as_csv(rows_of_people()), "more.csv")}, format="multipart")
    counted = post(api, cast.owner, traces.workspace, "erase", subject=PERSON, dry_run=True)
    request = work(SubjectRequest.objects.get(pk=counted.json()["id"]))

    waiting = (request.status, request.attempt, request.waits_for)
    checked(DatasetVersion.objects.order_by("-number").first())
    work(request)

    assert waiting == ("pending", 0, "Version 2 of 'Customers' is still being checked.")
    assert (request.status, request.waits_for, request.counts["dataset_rows"]) == ("completed", "", 8)


def test_data_sets_that_name_no_subject_are_told_and_left(traces, cast, api):
    Dataset.objects.update(subject_column="")
    PredictionLog.objects.all().delete()

    counted = post(api, cast.owner, traces.workspace, "erase", subject=PERSON, dry_run=True)

    counts = work(SubjectRequest.objects.get(pk=counted.json()["id"])).counts
    assert (counts["unsearched_datasets"], counts["dataset_rows"]) == (1, 0)


def test_kept_answers_are_not_done_twice_after_an_erasure(traces, cast, api):
    leave_more(traces, cast, api)
    versions = DatasetVersion.objects.count()
    erase(api, cast, traces.workspace)

    verdict = {"prediction": traces.answered[0], "correct": False, "subject": PERSON}
    again = api(cast.annotator).post(
        f"/api/v1/models/{traces.model.pk}/feedback/", verdict, format="json", headers={"Idempotency-Key": "a"}
    )
    file = {"file": as_file(as_csv(rows_of_people(seed=1)), "good.csv")}
    upload = api(cast.trainer).post(
        f"/api/v1/datasets/{traces.version.dataset_id}/versions/",
        file,
        format="multipart",
        headers={"Idempotency-Key": "good.csv"},
    )

    assert (again.status_code, upload.status_code) == (409, 200)
    assert (
        Feedback.objects.filter(subject=pseudonym(traces.workspace.pk, PERSON)).count(),
        DatasetVersion.objects.count(),
    ) == (0, versions)
    assert not IdempotencyRecord.objects.filter(answer__contains=PERSON).exists()


def test_the_log_never_holds_the_id(traces):
    logged = {row["customer"] for entry in PredictionLog.objects.all() for row in entry.rows}

    assert pseudonym(traces.workspace.pk, PERSON) in logged
    assert PERSON not in logged
    odd = predictions.predict(model_id=traces.model.pk, rows=[{"amount": 1, "customer": {"name": PERSON}}], actor=SYSTEM)
    assert odd.predictions


@pytest.mark.parametrize("subject", ["", "   ", "x" * 301, "a\u0000b", "a\u202eb"])
def test_an_id_that_is_none_is_refused_without_being_repeated(subject, cast, api):
    refused = post(api, cast.owner, cast.acme, "export", subject=subject)

    assert refused.status_code in {400, 422}
    assert not SubjectRequest.objects.exists()
