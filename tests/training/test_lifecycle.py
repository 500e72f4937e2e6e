"""Every change of a campaign's state: the legal ones happen once, all others change nothing."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections, transaction

from apps.core import clock
from apps.registry.models import ModelVersion
from apps.training import lifecycle
from apps.training.lifecycle import LeaseLost
from apps.training.models import TrainingCampaign, TrainingEvent
from tests.factories import make_campaign, make_model, make_workspace

Status = TrainingCampaign.Status
TOKEN = uuid.UUID(int=7)
OWNER = {"host": "elsewhere", "pid": 1, "born": 0.0}


def make(status: str = Status.PENDING, **fields) -> TrainingCampaign:
    """Make a campaign in `status`, as the verbs would have left it."""
    if status == Status.TRAINING:
        fields = {"token": TOKEN, "lease_until": clock.now() + timedelta(seconds=30), "started_at": clock.now(), **fields}
    elif status != Status.PENDING:
        fields = {"finished_at": clock.now(), **fields}
    campaign = make_campaign(make_model(make_workspace()), status=status, **fields)
    lifecycle.record_creation(campaign)
    return campaign


def make_version(campaign: TrainingCampaign) -> ModelVersion:
    return ModelVersion.objects.create(
        model=campaign.model, number=1, campaign_id=campaign.pk, dataset_version=campaign.dataset_version,
        algorithm="random_forest", folder=str(campaign.pk), manifest_sha256="0" * 64, signature="0" * 64, size_bytes=1,
    )  # fmt: skip


def complete(campaign: TrainingCampaign) -> None:
    with transaction.atomic():
        held = lifecycle.hold(campaign.pk, TOKEN)
        lifecycle.complete(held, version=make_version(held), metrics={"accuracy": 0.5}, improvement=None)


VERBS: dict[str, Callable[[TrainingCampaign], object]] = {
    "claim": lambda c: lifecycle.claim(c.pk, OWNER),
    "report": lambda c: lifecycle.report(c.pk, TOKEN, progress=0.5, stage="fitting"),
    "renew": lambda c: lifecycle.renew(c.pk, TOKEN),
    "complete": complete,
    "fail": lambda c: lifecycle.fail(c.pk, TOKEN, reason="It broke."),
    "cancel_running": lambda c: lifecycle.cancel_running(c.pk, TOKEN),
    "give_back": lambda c: lifecycle.give_back(c.pk, TOKEN, reason="It died.", is_death=True),
    "request_cancel": lambda c: lifecycle.request_cancel(c.pk),
}
RESULT = {
    ("pending", "claim"): "training",
    ("pending", "request_cancel"): "cancelled",
    ("training", "report"): "training",
    ("training", "renew"): "training",
    ("training", "complete"): "completed",
    ("training", "fail"): "failed",
    ("training", "cancel_running"): "cancelled",
    ("training", "give_back"): "pending",
    ("training", "request_cancel"): "training",
}


@pytest.mark.django_db
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", Status.values)
def test_each_verb_in_each_state_does_what_is_drawn_or_nothing(status, verb):
    campaign = make(status)
    before = TrainingCampaign.objects.filter(pk=campaign.pk).values().get()

    try:
        VERBS[verb](campaign)
    except LeaseLost:
        assert (status, verb) not in RESULT

    after = TrainingCampaign.objects.filter(pk=campaign.pk).values().get()
    assert after["status"] == RESULT.get((status, verb), status)
    events = list(TrainingEvent.objects.filter(campaign=campaign).values_list("seq", "status"))
    assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
    if (status, verb) in RESULT:
        assert events[-1][1] == after["status"]
    else:
        assert after == before
        assert len(events) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("verb", ["report", "renew", "complete", "fail", "cancel_running", "give_back"])
def test_a_run_with_an_old_token_changes_nothing(verb):
    campaign = make(Status.TRAINING, token=uuid.uuid4())
    before = TrainingCampaign.objects.filter(pk=campaign.pk).values().get()

    try:
        assert not VERBS[verb](campaign)
    except LeaseLost:
        assert verb in {"report", "complete"}

    assert TrainingCampaign.objects.filter(pk=campaign.pk).values().get() == before
    assert TrainingEvent.objects.filter(campaign=campaign).count() == 1
    assert not ModelVersion.objects.exists()


@pytest.mark.django_db
def test_an_end_clears_the_lease_and_the_token():
    campaign = make(Status.TRAINING)

    complete(campaign)

    campaign.refresh_from_db()
    assert (campaign.token, campaign.lease_until, campaign.progress) == (None, None, 1.0)
    assert campaign.finished_at is not None
    assert campaign.version is not None


@pytest.mark.django_db
def test_progress_never_falls_and_never_leaves_its_range():
    campaign = make(Status.TRAINING)

    for progress in (0.4, 0.2, 7.0):
        lifecycle.report(campaign.pk, TOKEN, progress=progress, stage="fitting")

    shown = TrainingEvent.objects.filter(campaign=campaign).order_by("seq").values_list("progress", flat=True)
    assert list(shown) == [0.0, 0.4, 0.4, 1.0]


@pytest.mark.django_db
def test_the_third_death_fails_and_a_stop_by_the_platform_does_not_count():
    campaign = make(Status.PENDING)
    attempts = []
    for is_death in (True, False, True, False, True):
        held = lifecycle.claim(campaign.pk, OWNER)
        assert held is not None
        attempts.append(held.attempt)
        lifecycle.give_back(campaign.pk, held.token, reason="Killed.", is_death=is_death)

    campaign.refresh_from_db()
    assert attempts == [1, 2, 3, 4, 5]
    assert (campaign.status, campaign.deaths) == ("failed", 3)
    assert campaign.error.startswith("Killed.")
    assert lifecycle.claim(campaign.pk, OWNER) is None


@pytest.mark.django_db
def test_a_run_that_died_after_a_cancel_was_asked_ends_cancelled():
    campaign = make(Status.TRAINING, cancel_requested=True)

    lifecycle.give_back(campaign.pk, TOKEN, reason="Killed.", is_death=True)

    campaign.refresh_from_db()
    assert (campaign.status, campaign.error) == ("cancelled", "")


@pytest.mark.django_db
def test_a_deleted_campaign_is_nobodys():
    gone = uuid.uuid4()

    assert lifecycle.claim(gone, OWNER) is None
    assert not lifecycle.renew(gone, TOKEN)
    assert lifecycle.request_cancel(gone) is None
    with pytest.raises(LeaseLost):
        lifecycle.report(gone, TOKEN, progress=0.5, stage="fitting")


def in_threads(*calls: Callable[[], object]) -> list[object]:
    """Make all calls at the same moment; return what they answered."""
    gate, answers = threading.Barrier(len(calls)), []

    def target(call: Callable[[], object]) -> None:
        try:
            gate.wait()
            answers.append(call())
        except Exception as error:
            answers.append(error)
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=target, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.django_db(transaction=True)
def test_of_eight_claims_at_once_one_wins():
    campaign = make(Status.PENDING)

    answers = in_threads(*[lambda: lifecycle.claim(campaign.pk, OWNER)] * 8)

    assert sum(answer is not None for answer in answers) == 1
    assert TrainingEvent.objects.filter(campaign=campaign, status="training").count() == 1


@pytest.mark.django_db(transaction=True)
def test_reports_from_many_threads_number_their_events_without_gap_or_double():
    campaign = make(Status.TRAINING)

    answers = in_threads(*[lambda: lifecycle.report(campaign.pk, TOKEN, progress=0.1, stage="fitting")] * 8)

    assert answers == [None] * 8
    seqs = TrainingEvent.objects.filter(campaign=campaign).order_by("seq").values_list("seq", flat=True)
    assert list(seqs) == list(range(1, 10))


@pytest.mark.django_db(transaction=True)
def test_a_claim_and_a_cancel_at_once_leave_one_story():
    for _ in range(10):
        campaign = make(Status.PENDING)

        in_threads(lambda: lifecycle.claim(campaign.pk, OWNER), lambda: lifecycle.request_cancel(campaign.pk))  # noqa: B023

        campaign.refresh_from_db()
        assert campaign.cancel_requested
        assert campaign.status in {"cancelled", "training"}
        assert (campaign.token is None) == (campaign.status == "cancelled")


@pytest.mark.django_db(transaction=True)
def test_a_completion_and_a_reaper_at_once_leave_one_end():
    for _ in range(5):
        campaign = make(Status.TRAINING)

        def finish(campaign: TrainingCampaign = campaign) -> str:
            try:
                complete(campaign)
            except LeaseLost:
                return "lost"
            return "completed"

        def reap(campaign: TrainingCampaign = campaign) -> bool:
            return lifecycle.give_back(campaign.pk, TOKEN, reason="Silent.", is_death=True)

        answers = in_threads(finish, reap)

        campaign.refresh_from_db()
        made = ModelVersion.objects.filter(campaign_id=campaign.pk).count()
        assert (campaign.status, made) in {("completed", 1), ("pending", 0)}
        assert ("completed" in answers) == (made == 1)
        assert (True in answers) == (made == 0)
