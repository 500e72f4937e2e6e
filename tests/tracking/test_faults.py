"""A server that is away, keeps us out or refuses something: what is sent is sent later, and the rest goes on."""

from datetime import timedelta

import pytest

from apps.core.errors import Conflict
from apps.tracking import lifecycle, sending
from apps.tracking.models import TrackedModel, TrackedRun
from apps.tracking.server import Refused, Server, server_of_settings
from tests.factories import make_model


def test_a_server_that_is_down_is_asked_again_later(fake, churn, train, settings, now):
    settings.MLFLOW_TRACKING_URI = "http://127.0.0.1:9"
    train(churn)
    sending.dispatch()

    tracked = TrackedModel.objects.get()
    assert "could not be reached" in tracked.error
    assert (tracked.failures, tracked.token) == (1, None)
    before = tracked.next_at
    sending.dispatch()
    tracked.refresh_from_db()
    assert (tracked.failures, tracked.next_at) == (1, before), "it is not its turn"

    now.pass_by(seconds=61)
    sending.dispatch()
    tracked.refresh_from_db()
    assert tracked.failures == 2
    assert tracked.next_at - now() > timedelta(seconds=60), "it waits longer each time"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_stops_the_run_and_nothing_is_lost(status, fake, churn, train, now):
    train(churn)
    fake.statuses = [404, 404]  # no MLflow's 404: what is behind a wrong path
    sending.dispatch()
    assert "refused experiments/get-by-name with 404" in TrackedModel.objects.get().error

    for portion in (1, 4, 9):
        fake.statuses = []
        now.pass_by(days=2)
        asked, done = len(fake.asked), fake.answer

        def busy(*given, since=asked + portion, done=done):
            return (status, {}) if len(fake.asked) >= since else done(*given)

        fake.answer = busy
        sending.dispatch()
        fake.answer = done
        assert str(status) in TrackedModel.objects.get().error
    now.pass_by(days=2)
    sending.dispatch()

    assert TrackedModel.objects.get().error == ""
    assert [run.status for run in fake.runs.values()] == ["FINISHED"]
    assert len(fake.versions) == 1


def test_a_server_that_is_away_is_not_asked_for_each_model(fake, cast, train):
    for name in ("a", "b", "c"):
        train(make_model(cast.acme, name=name))
    fake.statuses = [503] * 9

    sending.dispatch()

    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"TOKEN": "zq-token"}, "Bearer zq-token"),
        ({"USERNAME": "ana", "PASSWORD": "zq-pass"}, "Basic YW5hOnpxLXBhc3M="),
        ({"USERNAME": "ana", "PASSWORD": "zq-pass", "TOKEN": "zq-token"}, "Basic YW5hOnpxLXBhc3M="),
        ({"USERNAME": "ana"}, ""),
    ],
)
def test_who_asks_is_told_as_mlflows_own_client_does(given, sent, fake, churn, train, settings):
    for name, value in given.items():
        setattr(settings, f"MLFLOW_TRACKING_{name}", value)
    fake.authorization = sent
    train(churn)

    sending.dispatch()

    assert len(fake.runs) == 1


def test_whom_the_server_keeps_out_is_told_which_settings_to_look_at(fake, churn, train, settings, caplog):
    settings.MLFLOW_TRACKING_TOKEN = "zq-wrong"
    fake.authorization = "Bearer right"
    train(churn)

    sending.dispatch()

    assert "MLFLOW_TRACKING_TOKEN" in TrackedModel.objects.get().error
    assert "zq-wrong" not in caplog.text + repr(server_of_settings())


def test_a_campaign_that_is_refused_keeps_no_other_from_being_sent(fake, churn, train, now):
    refused, taken = train(churn), train(churn)
    fake.refuses = lambda path, body: (
        path == "runs/create" and body["start_time"] == int(refused.started_at.timestamp() * 1000)
    )
    sending.dispatch()

    runs = {run.campaign_id: run for run in TrackedRun.objects.all()}
    assert "No." in runs[refused.pk].error
    assert runs[taken.pk].sent_at is not None
    assert TrackedModel.objects.get().aliases == {"challenger": "1"}, "the champion was not sent"
    asked = len(fake.asked)
    sending.dispatch()
    assert len(fake.asked) == asked

    fake.refuses = lambda _path, _body: False
    now.pass_by(minutes=2)
    sending.dispatch()

    assert TrackedRun.objects.filter(sent_at__isnull=False).count() == 2
    assert TrackedModel.objects.get().aliases == {"champion": "2", "challenger": "1"}


def test_a_fault_of_ours_in_one_campaign_keeps_no_other_from_being_sent(fake, churn, train, monkeypatch, now, caplog):
    odd, other = train(churn), train(churn)
    own = sending.run_of
    monkeypatch.setattr(sending, "run_of", lambda campaign: 1 / 0 if campaign.pk == odd.pk else own(campaign))

    sending.dispatch()

    runs = {run.campaign_id: run for run in TrackedRun.objects.all()}
    assert runs[other.pk].sent_at is not None
    assert (runs[odd.pk].sent_at, runs[odd.pk].failures) == (None, 1)
    assert "ZeroDivisionError" in runs[odd.pk].error
    assert runs[odd.pk].next_at > now()
    assert TrackedModel.objects.get().token is None
    assert "Traceback" in caplog.text

    monkeypatch.setattr(sending, "run_of", own)
    now.pass_by(minutes=2)
    sending.dispatch()
    assert TrackedRun.objects.filter(sent_at__isnull=False).count() == 2


def test_a_fault_of_ours_in_one_model_is_tried_later_and_the_others_are_sent(fake, cast, train, monkeypatch, now):
    models = [make_model(cast.acme, name=name) for name in ("a", "b", "c")]
    for model in models:
        train(model)
    odd, own = models[1], sending.name_of
    monkeypatch.setattr(sending, "name_of", lambda model, **given: 1 / 0 if model.pk == odd.pk else own(model, **given))

    sending.dispatch()

    assert set(TrackedRun.objects.values_list("campaign__model_id", flat=True)) == {models[0].pk, models[2].pk}
    tracked = TrackedModel.objects.get(model=odd)
    assert (tracked.token, tracked.failures) == (None, 1)
    assert "ZeroDivisionError" in tracked.error
    assert tracked.next_at > now()


def test_a_model_that_cannot_even_be_claimed_keeps_no_other_from_being_sent(fake, cast, train, monkeypatch, caplog):
    models = [make_model(cast.acme, name=name) for name in ("a", "b")]
    for model in models:
        train(model)
    odd, own = sending.models_to_send(fake.address)[0], lifecycle.claim

    def claim(server, model_id, **given):
        if model_id == odd:
            raise ZeroDivisionError
        return own(server, model_id, **given)

    monkeypatch.setattr(lifecycle, "claim", claim)

    sending.dispatch()

    (sent,) = TrackedRun.objects.all()
    assert sent.campaign.model_id != odd
    assert f"Model {odd} is not sent" in caplog.text


def test_a_process_that_is_stopped_lets_go_of_the_model(fake, churn, train, monkeypatch):
    train(churn)

    def stopped(_campaign):
        raise KeyboardInterrupt

    monkeypatch.setattr(sending, "run_of", stopped)

    with pytest.raises(KeyboardInterrupt):
        sending.dispatch()

    assert TrackedModel.objects.get().token is None


def test_what_answers_and_is_no_mlflow_is_said(fake, churn, train, monkeypatch):
    fake.answer = lambda *_given: (200, ["hello"])
    train(churn)

    sending.dispatch()

    assert "is no MLflow server" in TrackedModel.objects.get().error


def test_redirects_are_not_followed(fake, churn, train):
    fake.statuses = [302]
    train(churn)

    sending.dispatch()

    assert "leads to another address" in TrackedModel.objects.get().error
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    "address",
    ["file:///mlruns", "sqlite:///m.db", "mlflow:5000", "http://", "http://a:b@mlflow", "http://mlflow:x", "databricks"],
)
def test_an_address_that_is_no_servers_is_refused_in_words(address, settings):
    settings.MLFLOW_TRACKING_URI = address

    with pytest.raises(Conflict, match="MLFLOW_TRACKING_URI"):
        server_of_settings()


def test_without_an_address_nothing_is_sent(fake, churn, train, settings):
    settings.MLFLOW_TRACKING_URI = ""
    train(churn)

    sending.dispatch()

    assert fake.asked == []
    assert not TrackedModel.objects.exists()


def test_an_address_may_have_a_path_before_the_api(fake, db):
    with pytest.raises(Refused, match="404"):
        Server(f"{fake.address}/mlflow").ask("GET", "registered-models/get", {"name": "x"})

    assert fake.asked == [("GET", "?/mlflow/api/2.0/mlflow/registered-models/get")]
