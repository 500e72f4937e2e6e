"""`Idempotency-Key` on a prediction: a short answer is kept, a long one is computed anew."""

from django.db import connection

from apps.predictions.actions import Predicted
from apps.workspaces.api.idempotency import LONGEST_REPEATABLE
from apps.workspaces.models import IdempotencyRecord

ONCE = {"Idempotency-Key": "k1"}


def predict(client, model, rows):
    return client.post(f"/api/v1/models/{model.pk}/predict/", {"data": rows}, headers=ONCE)


def test_a_retry_gets_the_ids_of_the_first_prediction(trained, cast, api):
    model, rows = trained
    client = api(cast.viewer)

    first, retry = predict(client, model, rows[:3]), predict(client, model, rows[:3])

    assert first.status_code == 200
    assert retry.content == first.content
    assert retry["Idempotent-Replay"] == "true"


def test_a_long_answer_does_not_pile_up(trained, cast, api):
    model, rows = trained
    client = api(cast.viewer)

    first, retry = predict(client, model, rows * 50), predict(client, model, rows * 50)

    assert len(first.content) > LONGEST_REPEATABLE
    assert not IdempotencyRecord.objects.exists()
    assert (first.status_code, retry.status_code) == (200, 200)
    assert retry.json()["predictions"] == first.json()["predictions"]
    assert retry.json()["prediction_ids"] != first.json()["prediction_ids"]


def test_no_transaction_is_open_while_a_model_computes(trained, cast, api, monkeypatch):
    model, rows = trained
    depth, seen = len(connection.savepoint_ids), []
    really = Predicted.as_json
    monkeypatch.setattr(Predicted, "as_json", lambda done: seen.append(len(connection.savepoint_ids)) or really(done))

    assert predict(api(cast.viewer), model, rows[:1]).status_code == 200
    assert seen == [depth]
