"""What a start writes and refuses, whose turn it is, and what is sent or taken back: each to the letter."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from apps.core import clock
from apps.core.errors import Conflict, InvalidInput, Throttled
from apps.core.processes import identity
from apps.training import actions, lifecycle, tasks
from apps.training.models import TrainingCampaign
from apps.training.staging import staging_folder
from apps.workspaces.access import SYSTEM, Actor
from apps.workspaces.models import AuditEntry
from tests.factories import make_campaign, make_dataset_version, make_model, make_user, make_workspace
from tests.trail import entry_of
from tests.training.test_lifecycle import in_threads

Status = TrainingCampaign.Status
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand in for the broker: keep what would be sent."""
    kept: list[Any] = []
    monkeypatch.setattr(actions, "send", kept.append)
    monkeypatch.setattr(actions, "messages_in", lambda _queue: 0)
    return kept


def start(model: Any, version: Any = None, *, actor: Actor = SYSTEM, **fields: Any) -> TrainingCampaign:
    version = version or make_dataset_version(model.workspace, name=f"data {clock.now()}")
    return actions.start_campaign(model=model, dataset_version=version, actor=actor, **fields)


def columns(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "dtype": "category"} for name in (*names, "label")]


def refusal(model: Any, **fields: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        start(model, make_dataset_version(model.workspace, **fields))
    assert not TrainingCampaign.objects.exists()
    return refused.value


# a start


def test_a_start_says_who_asked_for_what_on_which_data():
    actor, model = Actor(make_user().pk, "abcd"), make_model(make_workspace())
    version, before = make_dataset_version(model.workspace), clock.now()

    campaign = start(model, version, actor=actor)

    assert (campaign.model, campaign.dataset_version, campaign.created_by_id) == (model, version, actor.user_id)
    assert (campaign.stage, campaign.seed, campaign.name) == ("queued", 0, "")
    assert before <= campaign.sent_at <= clock.now()
    details = {"model": str(model.pk), "dataset_version": str(version.pk)}
    assert entry_of("campaign.start", campaign, actor).details == details


def test_only_those_that_wait_in_the_workspace_fill_it(settings):
    settings.TRAINING_MAX_QUEUED = 2
    model, other = make_model(make_workspace()), make_model(make_workspace())
    for status in (Status.TRAINING, Status.FAILED):
        make_campaign(model, status=status)
    for _ in range(3):
        make_campaign(other)

    for _ in range(2):
        start(model)
    with pytest.raises(Throttled, match="has 2 trainings waiting") as refused:
        start(model)

    assert refused.value.retry_after == 60


@pytest.mark.django_db(transaction=True)
def test_of_starts_at_the_same_moment_no_more_are_taken_than_there_are_places(settings):
    settings.TRAINING_MAX_QUEUED = 2
    model = make_model(make_workspace())
    version = make_dataset_version(model.workspace)

    answers = in_threads(*[lambda: _taken(model, version)] * 6)

    assert sorted(answers) == [False] * 4 + [True] * 2
    assert TrainingCampaign.objects.count() == 2


def _taken(model: Any, version: Any) -> bool:
    try:
        start(model, version)
    except Throttled:
        return False
    return True


@pytest.mark.parametrize("pointer", ["/target", "/group_column", "/time_column"])
def test_a_column_that_is_not_there_is_named_by_what_names_it(pointer):
    refused = refusal(make_model(make_workspace(), **{pointer[1:]: "absent"}))

    assert [(problem.pointer, problem.code) for problem in refused.problems] == [(pointer, "unknown_column")]
    assert refused.problems[0].detail in refused.detail


def test_three_near_names_are_suggested_and_no_far_ones():
    near = ("amount_1", "amount_2", "amount_3", "amount_4", "distance")
    refused = refusal(make_model(make_workspace(), features=["amount_0"]), columns=columns(*near))

    assert refused.problems[0].detail.count(" or ") == 2
    assert "distance" not in refused.detail


def test_no_more_than_twenty_columns_are_listed():
    refused = refusal(make_model(make_workspace(), features=["?"]), columns=columns(*[f"column{n}" for n in range(30)]))

    assert "column19." in refused.detail
    assert "column20" not in refused.detail


@pytest.mark.parametrize(
    ("dtype", "may"), [("date", True), ("datetime", True), ("integer", True), ("number", True), ("category", False)]
)
def test_rows_are_ordered_by_what_has_an_order(dtype, may):
    model = make_model(make_workspace(), time_column="when")
    given = [{"name": "when", "dtype": dtype}, {"name": "x", "dtype": "number"}, *columns()]

    if may:
        assert start(model, make_dataset_version(model.workspace, columns=given)).status == "pending"
    else:
        assert refusal(model, columns=given).problems[0].code == "not_a_time"


@pytest.mark.parametrize(("rows", "may"), [(0, False), (9, False), (10, True)])
def test_a_handful_of_rows_teaches_nothing(rows, may, monkeypatch):
    monkeypatch.setattr(actions, "LEAST_ROWS_IN_ALL", 10)
    model = make_model(make_workspace(), algorithm="isolation_forest", task="anomaly", target="")

    if may:
        assert start(model, make_dataset_version(model.workspace, rows=rows)).status == "pending"
    else:
        refused = refusal(model, rows=rows)
        assert refused.problems[0].code == "few_rows"
        assert f"There are {rows} rows; at least 10 are needed" in refused.detail


def test_the_group_is_no_feature_unless_it_is_named_one():
    model = make_model(make_workspace(), group_column="x")

    assert refusal(model).problems[0].code == "no_feature"
    model.features = ["x"]
    assert start(model).status == "pending"


@pytest.mark.parametrize("fields", [{}, {"group_column": "x"}, {"time_column": "x"}])
def test_a_lonely_row_of_a_class_matters_only_where_classes_are_shared_out(fields):
    model = make_model(make_workspace(), **fields)
    given = [{"name": n, "dtype": "number"} for n in "xz"]
    target = {"name": "label", "dtype": "category", "missing": 0, "distinct": 3, "rarest": 1, "min": None, "max": None}

    if fields:
        assert start(model, make_dataset_version(model.workspace, columns=[*given, target])).status == "pending"
    else:
        assert "a single row" in refusal(model, columns=[*given, target]).detail


# a cancel


def test_a_cancel_is_in_the_trail_with_who_asked():
    actor, campaign = Actor(make_user().pk), start(make_model(make_workspace()))

    cancelled = actions.cancel_campaign(campaign=campaign, actor=actor)

    assert (cancelled.pk, cancelled.status) == (campaign.pk, "cancelled")
    assert entry_of("campaign.cancel", campaign, actor)


def test_a_cancel_too_late_says_how_the_campaign_ended_by_now():
    campaign = start(make_model(make_workspace()))
    TrainingCampaign.objects.update(status=Status.FAILED, finished_at=clock.now())

    with pytest.raises(Conflict, match="is failed already"):
        actions.cancel_campaign(campaign=campaign, actor=SYSTEM)

    assert not AuditEntry.objects.filter(verb="campaign.cancel").exists()


# what is sent


def test_what_a_broker_refuses_is_sent_later(monkeypatch, caplog):
    monkeypatch.undo()
    tried: list[Any] = []

    def refuse(**given: Any) -> None:
        tried.append(given)
        raise OperationalError("refused")

    monkeypatch.setattr(tasks.run_campaign, "apply_async", refuse)

    actions.send("an id")

    assert tried == [{"args": ("an id",), "retry": False}]
    assert "an id is sent later" in caplog.text


def test_only_what_waits_and_is_late_is_sent_and_noted(sent, monkeypatch):
    model, now = make_model(make_workspace()), clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    late = make_campaign(model, sent_at=now - timedelta(seconds=31))
    fresh = make_campaign(model, sent_at=now - timedelta(seconds=29))
    running = make_campaign(model, status=Status.TRAINING, sent_at=None)

    assert actions.dispatch_pending() == 1

    assert sent == [late.pk]
    for campaign in (late, fresh, running):
        campaign.refresh_from_db()
    assert (late.sent_at, fresh.sent_at, running.sent_at) == (now, now - timedelta(seconds=29), None)


def test_no_more_is_sent_at_once_than_a_broker_takes_in_a_moment(sent, monkeypatch):
    monkeypatch.setattr(actions, "_SENT_AT_ONCE", 2)
    model = make_model(make_workspace())
    for _ in range(3):
        make_campaign(model)

    assert actions.dispatch_pending() == 2
    assert actions.dispatch_pending() == 1
    assert len(set(sent)) == 3


# whose turn it is


def queued(**fields: Any) -> TrainingCampaign:
    return make_campaign(make_model(make_workspace()), **fields)


def ran(campaign: TrainingCampaign, minutes_ago: int) -> None:
    """Have the campaign's workspace start a training some minutes ago."""
    make_campaign(
        make_model(campaign.model.workspace),
        status=Status.TRAINING,
        started_at=clock.now() - timedelta(minutes=minutes_ago),
    )


def test_a_workspace_that_never_ran_comes_before_all_that_did():
    ran(queued(), 90)
    newcomer = queued()

    assert actions.next_pending() == newcomer.pk


def test_the_workspace_whose_last_start_is_longest_ago_is_next():
    recent, long_ago = queued(), queued()
    ran(recent, 99)  # its last start counts, not its first
    ran(long_ago, 20)
    ran(recent, 10)

    assert actions.next_pending() == long_ago.pk


def test_of_workspaces_that_never_ran_the_oldest_campaign_is_next():
    queue = [queued() for _ in range(5)]

    for campaign in queue:
        assert actions.next_pending() == campaign.pk
        lifecycle.request_cancel(campaign.pk)


def test_no_length_of_a_queue_hides_another_workspace():
    first = queued()
    ran(first, 5)
    fields = {"model": first.model, "dataset_version": first.dataset_version}
    TrainingCampaign.objects.bulk_create(TrainingCampaign(**fields) for _ in range(1_500))
    other = queued()

    assert actions.next_pending() == other.pk


def test_what_runs_or_has_ended_has_no_turn():
    queued(status=Status.TRAINING)
    queued(status=Status.FAILED)

    assert actions.next_pending() is None


def test_turns_are_taken_in_the_order_of_the_queue():
    queue = [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("c1", "c"), ("b2", "b")]

    assert actions.in_turn(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]


# what is taken back


def training(**fields: Any) -> TrainingCampaign:
    return queued(status=Status.TRAINING, **{"token": "00000000-0000-0000-0000-000000000007", **fields})


def test_a_lease_is_over_when_its_moment_has_passed(monkeypatch):
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    training(lease_until=now)
    for _ in range(2):
        training(lease_until=now - timedelta(microseconds=1))

    assert actions.reap_leases() == 2


def test_the_files_of_a_run_that_died_are_removed_and_no_other_attempt_s(settings, tmp_path: Path):
    settings.ML_MODELS_DIR = tmp_path
    dead, alive = training(lease_until=None), training(lease_until=clock.now() + timedelta(hours=1), owner=identity())
    folders = {
        (campaign.pk, attempt): staging_folder(
            workspace_id=campaign.model.workspace_id, model_id=campaign.model_id, campaign_id=campaign.pk, attempt=attempt
        )
        for campaign, attempt in ((dead, 1), (dead, 2), (alive, 1))
    }
    for folder in folders.values():
        folder.mkdir(parents=True)

    actions.reap_leases()

    assert [folder.exists() for folder in folders.values()] == [False, True, True]
    dead.refresh_from_db()
    assert "worker that ran this training died" in dead.events.get().message


def test_a_run_that_another_took_back_meanwhile_is_not_counted(monkeypatch):
    campaign = training(lease_until=None)
    real = lifecycle.give_back

    def too_late(*args: Any, **kwargs: Any) -> bool:
        real(*args, **kwargs)
        return real(*args, **kwargs)

    monkeypatch.setattr(lifecycle, "give_back", too_late)

    assert actions.reap_leases() == 0
    campaign.refresh_from_db()
    assert campaign.attempt == 2


# the doors for Celery


def test_what_died_is_sent_again_at_once(sent):
    campaign = training(lease_until=None)

    tasks.reap_leases()

    assert sent == [campaign.pk]
    tasks.reap_leases(of_a_newer_release=1)
    assert sent == [campaign.pk]


def test_the_dispatcher_s_door_sends_what_waits(sent):
    campaign = queued()

    tasks.dispatch_pending(of_a_newer_release=1)

    assert sent == [campaign.pk]
