"""Starting, cancelling, and bringing back what the broker or a worker lost."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import transaction

from apps.core import clock
from apps.core.errors import Conflict, InvalidInput, Throttled
from apps.core.processes import identity
from apps.training import actions, lifecycle, supervision, tasks
from apps.training.models import TrainingCampaign, TrainingEvent
from apps.workspaces.access import SYSTEM
from apps.workspaces.models import AuditEntry
from tests.factories import make_campaign, make_dataset_version, make_model, make_workspace

Status = TrainingCampaign.Status
pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch) -> list:
    """Stand in for the broker: keep what would be sent."""
    kept: list = []
    monkeypatch.setattr(actions, "send", kept.append)
    monkeypatch.setattr(actions, "messages_in", lambda queue: 0)
    return kept


def start(model, version=None, **fields) -> TrainingCampaign:
    return actions.start_campaign(
        model=model, dataset_version=version or make_dataset_version(model.workspace), actor=SYSTEM, **fields
    )


def test_a_start_writes_the_row_its_first_event_and_the_audit_then_sends(sent, django_capture_on_commit_callbacks):
    model = make_model(make_workspace(), parameters={"n_estimators": 40})

    with django_capture_on_commit_callbacks(execute=True):
        campaign = start(model, parameters={"max_depth": 3}, name="first", seed=5)

    assert (campaign.status, campaign.seed, campaign.name) == ("pending", 5, "first")
    assert (campaign.parameters["n_estimators"], campaign.parameters["max_depth"]) == (40, 3)
    assert list(TrainingEvent.objects.filter(campaign=campaign).values_list("seq", "status")) == [(1, "pending")]
    assert AuditEntry.objects.filter(verb="campaign.start", target_id=str(campaign.pk)).count() == 1
    assert sent == [campaign.pk]


@pytest.mark.django_db(transaction=True)
def test_a_start_inside_a_transaction_that_rolls_back_leaves_no_row_and_no_message(sent):
    model = make_model(make_workspace())

    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012  (the rollback is the point)
        start(model)
        raise RuntimeError

    assert not TrainingCampaign.objects.exists()
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_does_not_fail_the_start(monkeypatch):
    from mlplatform.celery import app

    monkeypatch.setattr(app.conf, "broker_url", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    began = clock.now()

    campaign = start(make_model(make_workspace()))

    assert campaign.status == "pending"
    assert clock.now() - began < timedelta(seconds=3)


def test_an_archived_model_is_a_conflict(sent):
    model = make_model(make_workspace(), archived_at=clock.now())

    with pytest.raises(Conflict):
        start(model)


def test_a_dataset_of_another_workspace_is_unknown(sent):
    with pytest.raises(InvalidInput) as refused:
        start(make_model(make_workspace()), make_dataset_version(make_workspace()))

    assert refused.value.problems[0].code == "unknown_dataset"


@pytest.mark.parametrize("status", ["checking", "refused"])
def test_a_dataset_that_has_not_passed_its_check_is_refused(sent, status):
    model = make_model(make_workspace())

    with pytest.raises((Conflict, InvalidInput), match=status):
        start(model, make_dataset_version(model.workspace, status=status))


def test_a_missing_column_is_named_with_the_nearest_ones(sent):
    model = make_model(make_workspace(), target="lable", features=["x", "why"])

    with pytest.raises(InvalidInput) as refused:
        start(model)

    details = [problem.detail for problem in refused.value.problems]
    assert len(details) == 2
    assert "'lable'" in details[0]
    assert "Did you mean 'label'" in details[0]
    assert "'why'" in details[1]


def test_a_bad_parameter_is_refused_by_name(sent):
    with pytest.raises(InvalidInput) as refused:
        start(make_model(make_workspace()), parameters={"n_estimators": -1, "nope": 1})

    assert {problem.pointer for problem in refused.value.problems} == {"/parameters/n_estimators", "/parameters/nope"}


def test_a_workspace_over_its_quota_is_throttled_and_others_are_not(sent, settings):
    settings.TRAINING_MAX_QUEUED = 2
    model, other = make_model(make_workspace()), make_model(make_workspace())
    version = make_dataset_version(model.workspace)
    start(model, version)
    start(model, version)

    with pytest.raises(Throttled) as refused:
        start(model, version)

    assert refused.value.retry_after
    assert start(other).status == "pending"


def test_cancel_before_the_start_ends_it_at_once_and_a_second_one_is_a_conflict(sent):
    campaign = start(make_model(make_workspace()))

    cancelled = actions.cancel_campaign(campaign=campaign, actor=SYSTEM)

    assert cancelled.status == "cancelled"
    with pytest.raises(Conflict, match="cancelled"):
        actions.cancel_campaign(campaign=campaign, actor=SYSTEM)
    assert lifecycle.claim(campaign.pk, {}) is None


def training(**fields) -> TrainingCampaign:
    lease = {"lease_until": clock.now() + timedelta(seconds=30), "token": "00000000-0000-0000-0000-000000000007"}
    return make_campaign(make_model(make_workspace()), status=Status.TRAINING, **{**lease, **fields})


@pytest.mark.parametrize(
    "fields",
    [{"lease_until": None}, {"lease_until": None, "token": None}, {"lease_until": clock.now() - timedelta(seconds=1)}],
)
def test_an_expired_or_missing_lease_is_taken_back(sent, fields):
    campaign = training(**fields)

    assert actions.reap_leases() == 1

    campaign.refresh_from_db()
    assert (campaign.status, campaign.attempt, campaign.deaths) == ("pending", 2, 1)


def test_a_live_lease_is_left_alone(sent):
    campaign = training(owner=identity())
    training(owner={**identity(), "machine": "another", "pid": 1})

    assert actions.reap_leases() == 0

    campaign.refresh_from_db()
    assert campaign.status == "training"


def test_a_dead_owner_on_this_machine_is_seen_at_once_even_if_its_number_is_taken_again(sent):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = identity(child.pid)
    alive, reused = training(owner=owner), training(owner={**owner, "born": owner["born"] - 1000})

    assert actions.reap_leases() == 1
    reused.refresh_from_db()
    assert reused.status == "pending"
    child.kill()
    child.wait()
    assert actions.reap_leases() == 1
    alive.refresh_from_db()
    assert alive.status == "pending"


@pytest.mark.parametrize(("queued", "expected"), [(None, 0), (0, 3), (2, 1), (3, 0), (900, 0)])
def test_the_dispatcher_never_has_more_messages_waiting_than_campaigns(sent, monkeypatch, queued, expected):
    model = make_model(make_workspace())
    for _ in range(3):
        make_campaign(model, sent_at=None)
    monkeypatch.setattr(actions, "messages_in", lambda queue: queued)

    assert actions.dispatch_pending() == expected
    assert len(sent) == expected


def test_rows_cannot_be_ordered_by_a_text(sent):
    model = make_model(make_workspace(), time_column="label")

    with pytest.raises(InvalidInput, match="holds text") as refused:
        start(model)

    assert refused.value.problems[0].pointer == "/time_column"


def test_the_dispatcher_sends_what_waits_too_long_workspace_by_workspace(sent):
    early = clock.now() - timedelta(minutes=5)
    busy, quiet = make_model(make_workspace()), make_model(make_workspace())
    first, second, third = (make_campaign(busy, sent_at=early) for _ in range(3))
    other = make_campaign(quiet, sent_at=None)
    make_campaign(quiet, sent_at=clock.now())

    assert actions.dispatch_pending() == 4

    assert sent == [first.pk, other.pk, second.pk, third.pk]
    assert actions.dispatch_pending() == 0


def test_turns_go_round_the_workspaces(sent):
    busy, quiet = make_model(make_workspace()), make_model(make_workspace())
    queue = [make_campaign(busy) for _ in range(3)]
    queue.append(make_campaign(quiet))
    order = []
    for _ in queue:
        chosen = actions.next_pending()
        assert chosen is not None
        assert lifecycle.claim(chosen, {})
        order.append(chosen)

    assert order.index(queue[3].pk) == 1
    assert [pk for pk in order if pk != queue[3].pk] == [campaign.pk for campaign in queue[:3]]
    assert actions.next_pending() is None


@pytest.mark.django_db(transaction=True)
def test_a_message_for_a_campaign_that_is_gone_or_ended_does_nothing(sent, monkeypatch):
    ended = make_campaign(make_model(make_workspace()), status=Status.CANCELLED, finished_at=clock.now())
    monkeypatch.setattr(supervision, "start_child", lambda: pytest.fail("a process was started"))

    tasks.run_campaign(str(ended.pk))
    tasks.run_campaign("00000000-0000-0000-0000-000000000001", sent_by="a newer release")

    assert not TrainingEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_message_whose_campaign_another_worker_took_runs_the_next_one(sent, monkeypatch):
    first, second = (make_campaign(make_model(make_workspace())) for _ in range(2))
    claimed: list = []

    def run(campaign_id) -> bool:
        if not claimed:  # the other worker is quicker
            lifecycle.claim(campaign_id, {})
        claim = lifecycle.claim(campaign_id, {})
        claimed.append(claim)
        return claim is not None

    monkeypatch.setattr(supervision, "run", run)

    tasks.run_campaign(str(first.pk))

    assert [claim and claim.campaign_id for claim in claimed] == [None, second.pk]


def test_a_check_says_what_a_start_would_and_writes_nothing(sent):
    model = make_model(make_workspace(), target="lable")
    version = make_dataset_version(model.workspace)

    with pytest.raises(InvalidInput, match="'label'"):
        actions.check_campaign(model=model, dataset_version=version)

    model.target = "label"
    assert (
        actions.check_campaign(model=model, dataset_version=version, parameters={"n_estimators": 40})["n_estimators"] == 40
    )
    assert not TrainingCampaign.objects.exists()
    assert sent == []


def test_a_name_that_is_like_no_column_suggests_none(sent):
    columns = [{"name": name, "dtype": "category"} for name in ("education", "education_num", "label")]
    model = make_model(make_workspace(), features=["Nidification"])

    with pytest.raises(InvalidInput, match="Its columns are: education, education_num, label") as refused:
        start(model, make_dataset_version(model.workspace, columns=columns))

    assert "Did you mean" not in refused.value.detail
