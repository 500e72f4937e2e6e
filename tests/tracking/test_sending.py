"""What ended is sent once, whatever happens meanwhile. On a real MLflow server too: `MLFLOW_OF_TESTS=http://…`."""

import pytest

from apps.registry import actions
from apps.tracking import lifecycle, sending
from apps.tracking.models import TrackedModel, TrackedRun
from apps.tracking.server import Server
from apps.workspaces.access import SYSTEM
from tests.factories import make_model
from tests.tracking.conftest import numbered, tags_of


def named(model) -> str:
    return f"{model.workspace.slug}/{model.name}"


def registered(model) -> str:
    return named(model).replace("/", ".").replace(":", ".")


def test_a_completed_campaign_is_a_run_with_all_that_it_was(there, churn, train, cast):
    campaign = train(churn)

    sending.dispatch()

    (run,) = there.runs(named(churn))
    assert run["info"]["status"] == "FINISHED"
    assert run["info"]["run_name"] == "v1"
    assert run["info"]["end_time"] - run["info"]["start_time"] == 90_000
    told = numbered(run["data"]["params"])
    assert told == {"algorithm": "random_forest", "seed": "7", "n_estimators": "20", "depth": "None"}
    values = numbered(run["data"]["metrics"])
    assert (values["roc_auc"], values["baseline/roc_auc"], values["duration_seconds"]) == (0.9, 0.5, 90.0)
    assert "odd" not in values
    tags = tags_of(run["data"])
    assert tags["mlflow.user"] == cast.trainer.username
    assert tags["mlplatform.campaign"] == str(campaign.pk)
    assert tags["mlplatform.dataset_hash"] == campaign.dataset_version.content_hash
    assert '"scikit-learn": "1.9.0"' in tags["mlplatform.packages"]
    curve = there.get("metrics/get-history", run_id=run["info"]["run_id"], metric_key="curve/log loss ___")["metrics"]
    assert sorted((int(one.get("step", 0)), one["value"]) for one in curve) == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    (data,) = run["inputs"]["dataset_inputs"]
    assert data["dataset"]["digest"] == campaign.dataset_version.content_hash[:36]
    assert tags_of(there.experiment(named(churn)))["mlplatform.model"] == str(churn.pk)


def test_a_campaign_without_a_version_is_a_run_alone(there, churn, train):
    train(churn, "failed", error="The table has no rows.", name="first try")
    train(churn, "cancelled", points=0)
    train(churn, "training")

    sending.dispatch()

    failed, cancelled = there.runs(named(churn))
    assert (failed["info"]["status"], failed["info"]["run_name"]) == ("FAILED", "first try")
    assert tags_of(failed["data"])["mlflow.note.content"] == "The table has no rows."
    assert cancelled["info"]["status"] == "KILLED"
    assert there.versions(named(churn)) == []


def test_versions_go_in_their_order_and_the_aliases_follow(there, churn, train):
    train(churn)
    train(churn)
    sending.dispatch()
    assert there.versions(named(churn)) == [("1", "1"), ("2", "2")]
    assert aliases(there, churn) == {"champion": "1", "challenger": "2"}

    actions.promote_version(version=churn.versions.get(number=2), actor=SYSTEM)
    sending.dispatch()

    assert aliases(there, churn) == {"champion": "2"}


def aliases(there, model) -> dict[str, str]:
    found = there.get("registered-models/get", name=registered(model))["registered_model"]
    return {one["alias"]: str(one["version"]) for one in found.get("aliases", [])}


def test_what_was_sent_is_not_sent_again_and_asks_nothing(there, churn, train, monkeypatch):
    train(churn)
    sending.dispatch()
    monkeypatch.setattr(Server, "ask", lambda *_given: pytest.fail("asked"))

    sending.dispatch()

    assert TrackedRun.objects.get().sent_at is not None


def test_a_long_curve_goes_in_portions(there, churn, train):
    train(churn, points=2_400)

    sending.dispatch()

    (run,) = there.runs(named(churn))
    curve = there.get("metrics/get-history", run_id=run["info"]["run_id"], metric_key="curve/log loss ___")["metrics"]
    assert 400 < len(curve) <= 501
    assert max(int(one["step"]) for one in curve) == 2_400


class Killed(BaseException):
    """The process dies."""


def die_after(monkeypatch, requests: int) -> None:
    """Have the process die when so many requests were done, before it reads what the last one answered."""
    left, ask = requests, Server.ask

    def dying(self, *given):
        nonlocal left
        left -= 1
        try:
            return ask(self, *given)
        finally:
            if left == 0:
                raise Killed

    monkeypatch.setattr(Server, "ask", dying)


def test_killed_after_any_request_and_run_again_nothing_is_there_twice(there, cast, train, monkeypatch, now):
    died = 0
    for requests in range(1, 30):
        model = make_model(cast.acme, name=f"model {requests}")
        train(model)
        with monkeypatch.context() as dying:
            die_after(dying, requests)
            dying.setattr(lifecycle, "release", lambda _claim: None)  # a dead process lets go of nothing
            try:
                sending.dispatch()
            except Killed:
                died += 1
        asked = len(there.fake.asked)
        sending.dispatch()
        assert died < requests or len(there.fake.asked) == asked, "the lease holds"
        now.pass_by(seconds=61)

        sending.dispatch()

        assert [run["info"]["status"] for run in there.runs(named(model))] == ["FINISHED"]
        assert there.versions(named(model)) == [("1", "1")]
        assert aliases(there, model) == {"champion": "1"}
        if died < requests:
            break

    assert 12 < died < 29


def test_two_processes_do_not_send_the_same_model_at_once(there, churn, train):
    train(churn)
    held = lifecycle.claim(there.address, churn.pk)

    sent = sending.send_model(Server(there.address), churn.pk)
    assert sent.fault == "Another process is sending it."
    lifecycle.give_back(held)
    sending.dispatch()

    assert len(there.runs(named(churn))) == 1


def test_a_process_that_lost_its_lease_writes_nothing_more(there, churn, train, monkeypatch):
    train(churn)
    ask, taken = Server.ask, []

    def overtaken(self, method, path, given):
        if path == "runs/create" and not taken:
            taken.append(TrackedModel.objects.update(token="00000000-0000-0000-0000-000000000001"))
        return ask(self, method, path, given)

    monkeypatch.setattr(Server, "ask", overtaken)
    sending.dispatch()

    (run,) = there.runs(named(churn))
    assert run["info"]["status"] == "RUNNING"
    assert not TrackedRun.objects.exists()


def test_a_name_that_is_somebody_elses_is_left_to_them(there, churn, train):
    there.post("experiments/create", name=named(churn))
    train(churn)

    sending.dispatch()

    assert there.runs(named(churn)) == []
    assert len(there.runs(f"{named(churn)} {str(churn.pk)[:8]}")) == 1


def test_a_model_that_is_renamed_stays_where_it_is(there, churn, train):
    train(churn)
    sending.dispatch()
    before = named(churn)
    actions.update_model(model=churn, name="leavers", actor=SYSTEM)
    train(churn)

    sending.dispatch()

    assert len(there.runs(before)) == 2


def test_an_experiment_that_somebody_deleted_is_not_brought_back(there, churn, train):
    train(churn)
    sending.dispatch()
    there.post("experiments/delete", experiment_id=there.experiment(named(churn))["experiment_id"])
    train(churn)

    sending.dispatch()

    assert "Restore it there." in TrackedModel.objects.get().error
    assert TrackedRun.objects.count() == 1


def test_another_server_is_told_all_of_it(there, churn, train, settings):
    train(churn)
    sending.dispatch()
    settings.MLFLOW_TRACKING_URI = there.address.replace("127.0.0.1", "localhost")

    sending.dispatch()

    assert TrackedRun.objects.filter(sent_at__isnull=False).count() == 2
