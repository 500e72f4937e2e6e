"""The campaign routes: who may, what they answer, and the live doors (stream, WebSocket, polling)."""

import uuid
from datetime import timedelta

import pytest

from apps.core import clock
from apps.training import actions, lifecycle
from apps.training.models import TrainingCampaign
from tests.factories import make_dataset_version, make_model
from tests.training.scenes import running, waiting

Status = TrainingCampaign.Status


@pytest.fixture(autouse=True)
def sent(monkeypatch) -> list:
    """Stand in for the broker: keep what would be sent."""
    kept: list = []
    monkeypatch.setattr(actions, "send", kept.append)
    return kept


# who may


@pytest.mark.parametrize(
    ("role", "may_train"),
    [("viewer", False), ("annotator", False), ("trainer", True), ("approver", True), ("owner", True)],
)
def test_members_read_and_trainers_start_and_cancel(cast, api, role, may_train):
    client, campaign = api(getattr(cast, role)), waiting(cast.acme)
    version = make_dataset_version(cast.acme)

    assert client.get(f"/api/v1/campaigns/{campaign.pk}/").status_code == 200
    assert client.get("/api/v1/campaigns/").json()["count"] == 1
    started = client.post(f"/api/v1/models/{campaign.model_id}/train/", {"dataset": str(version.dataset_id)})
    assert started.status_code == (202 if may_train else 403)
    assert client.post(f"/api/v1/campaigns/{campaign.pk}/cancel/").status_code == (200 if may_train else 403)


@pytest.mark.parametrize("who", ["stranger", "nobody"])
def test_strangers_find_nothing(cast, api, who):
    client, campaign = api(getattr(cast, who)), waiting(cast.acme)
    version = make_dataset_version(cast.acme)

    for path in (f"campaigns/{campaign.pk}/", f"campaigns/{campaign.pk}/events/"):
        assert client.get(f"/api/v1/{path}").status_code == 404
    assert client.post(f"/api/v1/campaigns/{campaign.pk}/cancel/").status_code == 404
    assert client.post(f"/api/v1/models/{campaign.model_id}/train/", {"dataset": str(version.pk)}).status_code == 404
    assert client.get("/api/v1/campaigns/").json()["count"] == 0
    assert client.get(f"/api/v1/campaigns/?workspace={cast.acme.pk}").json()["count"] == 0
    campaign.refresh_from_db()
    assert campaign.status == "pending"


def test_anonymous_callers_are_sent_away(cast, api):
    client, campaign = api(None), waiting(cast.acme)

    for path in ("campaigns/", f"campaigns/{campaign.pk}/", f"campaigns/{campaign.pk}/events/"):
        assert client.get(f"/api/v1/{path}").status_code == 401
    assert client.post(f"/api/v1/campaigns/{campaign.pk}/cancel/").status_code == 401
    assert client.post(f"/api/v1/models/{campaign.model_id}/train/", {}).status_code == 401


# start


def test_start_answers_202_with_the_campaign_and_where_it_is(cast, api):
    model, version = make_model(cast.acme), make_dataset_version(cast.acme)

    answer = api(cast.trainer).post(
        f"/api/v1/models/{model.pk}/train/", {"dataset": str(version.pk), "parameters": {"n_estimators": 20}, "seed": 3}
    )

    body = answer.json()
    assert answer.status_code == 202
    assert answer["Location"] == f"/api/v1/campaigns/{body['id']}/"
    assert (body["status"], body["progress"], body["seed"], body["attempt"]) == ("pending", 0.0, 3, 1)
    assert body["parameters"]["n_estimators"] == 20
    assert body["error"] is None
    assert body["version"] is None
    names = "id model status progress stage metrics history error version created_at started_at finished_at duration_seconds"
    assert {*names.split(), "improvement", "attempt"} <= body.keys()


def test_start_on_a_data_set_takes_its_newest_ready_version(cast, api):
    model, first = make_model(cast.acme), make_dataset_version(cast.acme)
    first.pk, first.number = uuid.uuid4(), 2
    first.save(force_insert=True)

    answer = api(cast.trainer).post(f"/api/v1/models/{model.pk}/train/", {"dataset": str(first.dataset_id)})

    assert answer.json()["dataset_version"] == str(first.pk)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"dataset": "x"}, {"dataset": None}, {"dataset": [1]}, [], "text", {"dataset": str(uuid.uuid4())},
        {"dataset": "OK", "seed": -1}, {"dataset": "OK", "seed": 2**70}, {"dataset": "OK", "parameters": 3},
        {"dataset": "OK", "parameters": {"n_estimators": "many"}}, {"dataset": "OK", "parameters": {"n_estimators": 10**30}},
        {"dataset": "OK", "name": "x" * 300},
    ],
)  # fmt: skip
def test_a_bad_start_is_refused_with_a_problem(cast, api, body):
    model, version = make_model(cast.acme), make_dataset_version(cast.acme)
    if isinstance(body, dict) and body.get("dataset") == "OK":
        body = {**body, "dataset": str(version.pk)}

    answer = api(cast.trainer).post(f"/api/v1/models/{model.pk}/train/", body)

    assert answer.status_code in {400, 422}
    assert answer["Content-Type"] == "application/problem+json"
    assert not TrainingCampaign.objects.exists()


def test_a_data_set_of_another_workspace_cannot_be_trained_on_even_by_a_member_of_both(cast, api):
    from apps.workspaces.models import Membership

    Membership.objects.create(workspace=cast.rival, user=cast.trainer, role="owner")
    model, theirs = make_model(cast.acme), make_dataset_version(cast.rival)

    for wanted in (theirs.pk, theirs.dataset_id):
        answer = api(cast.trainer).post(f"/api/v1/models/{model.pk}/train/", {"dataset": str(wanted)})
        assert answer.status_code in {404, 422}
    assert not TrainingCampaign.objects.exists()


def test_an_archived_model_cannot_be_trained(cast, api):
    model, version = make_model(cast.acme, archived_at=clock.now()), make_dataset_version(cast.acme)

    answer = api(cast.trainer).post(f"/api/v1/models/{model.pk}/train/", {"dataset": str(version.pk)})

    assert answer.status_code in {404, 409}


def test_over_the_quota_the_answer_says_when_to_come_back(cast, api, settings):
    settings.TRAINING_MAX_QUEUED = 0

    answer = api(cast.trainer).post(
        f"/api/v1/models/{make_model(cast.acme).pk}/train/", {"dataset": str(make_dataset_version(cast.acme).pk)}
    )

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0


# read


def test_lists_are_filtered_and_ordered_and_bad_queries_are_refused(cast, api):
    client, first = api(cast.viewer), waiting(cast.acme)
    second, _ = running(cast.acme)

    def ids(query: str) -> list[str]:
        return [row["id"] for row in client.get(f"/api/v1/campaigns/?{query}").json()["results"]]

    assert ids("status=training") == [str(second.pk)]
    assert ids(f"model={first.model_id}") == [str(first.pk)]
    assert ids("ordering=created_at") == [str(first.pk), str(second.pk)]
    for query in ("status=no", "model=x", "workspace=%00", "ordering=model__workspace__slug", "ordering=token"):
        assert client.get(f"/api/v1/campaigns/?{query}").status_code in {400, 422}, query


def test_a_list_costs_as_many_queries_for_twenty_rows_as_for_one(cast, api, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = api(cast.viewer)
    waiting(cast.acme)
    with CaptureQueriesContext(connection) as few:
        client.get("/api/v1/campaigns/")
    for _ in range(19):
        waiting(cast.acme)

    with django_assert_num_queries(len(few)):
        assert len(client.get("/api/v1/campaigns/").json()["results"]) == 20


def test_the_curve_has_the_points_of_this_attempt_only_and_at_most_five_hundred(cast, api):
    campaign, old = running(cast.acme)
    lifecycle.report(campaign.pk, old.token, progress=0.1, stage="fitting", step=1, metrics={"loss": 9.0})
    lifecycle.give_back(campaign.pk, old.token, reason="Killed.", is_death=True)
    new = lifecycle.claim(campaign.pk, {})
    for step in range(620):
        lifecycle.report(campaign.pk, new.token, progress=0.2, stage="fitting", step=step, metrics={"loss": 1.0})

    history = api(cast.viewer).get(f"/api/v1/campaigns/{campaign.pk}/").json()["history"]

    assert len(history) <= 501
    assert history[0] == {"step": 0, "loss": 1.0}
    assert history[-1]["step"] == 619


def test_polling_gives_the_events_after_a_number(cast, api):
    campaign, claim = running(cast.acme)
    lifecycle.report(campaign.pk, claim.token, progress=0.1, stage="fitting")

    client = api(cast.viewer)
    path = f"/api/v1/campaigns/{campaign.pk}/events/"
    everything = client.get(path, headers={"accept": "application/json"}).json()["results"]
    rest = client.get(f"{path}?after=2", headers={"accept": "application/json"}).json()["results"]

    assert [event["seq"] for event in everything] == [1, 2, 3]
    assert rest == everything[2:]


def test_cancel_answers_the_campaign_and_409_after_its_end(cast, api):
    campaign, claim = running(cast.acme)
    client = api(cast.trainer)

    first = client.post(f"/api/v1/campaigns/{campaign.pk}/cancel/")
    again = client.post(f"/api/v1/campaigns/{campaign.pk}/cancel/")
    lifecycle.cancel_running(campaign.pk, claim.token)
    late = client.post(f"/api/v1/campaigns/{campaign.pk}/cancel/")

    assert {first.status_code, again.status_code} <= {200, 202}
    assert first.json()["cancel_requested"] is True
    assert late.status_code == 409


def test_a_lease_in_the_past_shows_as_training_until_it_is_reaped(cast, api):
    campaign, _ = running(cast.acme)
    TrainingCampaign.objects.filter(pk=campaign.pk).update(lease_until=clock.now() - timedelta(seconds=1))

    assert actions.reap_leases() == 1

    body = api(cast.viewer).get(f"/api/v1/campaigns/{campaign.pk}/").json()
    assert (body["status"], body["attempt"]) == ("pending", 2)
