"""Predictions over HTTP by a really trained model, from upload to explanation."""

import uuid

import pytest
from django.test import override_settings

from apps.predictions.models import PredictionLog
from apps.predictions.recorder import recorder
from apps.registry.models import ModelVersion
from apps.registry.selectors import version_folder
from tests.factories import make_model


def predict(client, model, rows, route: str = "predict"):
    return client.post(f"/api/v1/models/{model.pk}/{route}/", {"data": rows})


def test_one_answer_a_row_with_version_ids_and_a_log(trained, cast, api):
    model, rows = trained

    body = predict(api(cast.viewer), model, rows).json()
    recorder.flush()

    assert len(body["predictions"]) == len(body["details"]) == len(body["prediction_ids"]) == 30
    assert (body["model"], body["version"]) == (str(model.pk), 1)
    log = PredictionLog.objects.get()
    assert (log.row_count, log.rows, log.predictions) == (30, rows, body["predictions"])
    one = api(cast.viewer).get(f"/api/v1/predictions/{body['prediction_ids'][7]}/").json()
    assert (one["row"], one["prediction"]) == (rows[7], body["predictions"][7])


def test_a_prediction_is_found_before_its_log_is_written(trained, cast, api):
    model, rows = trained
    client = api(cast.viewer)

    found = client.get(f"/api/v1/predictions/{predict(client, model, rows).json()['prediction_ids'][0]}/")

    assert found.status_code == 200


def test_strangers_get_404_and_guessed_ids_too(trained, cast, api):
    model, rows = trained
    ids = predict(api(cast.viewer), model, rows).json()["prediction_ids"]

    assert predict(api(cast.stranger), model, rows).status_code == 404
    assert api(cast.stranger).get(f"/api/v1/predictions/{ids[0]}/").status_code == 404
    for guess in (ids[0][:-1] + "999", "nonsense", uuid.uuid4().hex + "-0", ids[0].split("-")[0] + "--1"):
        assert api(cast.viewer).get(f"/api/v1/predictions/{guess}/").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"data": []}, 422), ({"data": "x"}, 422), ({"data": [1]}, 422), ([], 422), ({"data": [{}]}, 422)],
)
def test_bodies_that_make_no_sense_are_refused(body, status, trained, cast, api):
    model, _rows = trained

    answer = api(cast.viewer).post(f"/api/v1/models/{model.pk}/predict/", body)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_too_many_rows_are_413(trained, cast, api):
    model, rows = trained
    with override_settings(PREDICT_MAX_ROWS=10):
        assert predict(api(cast.viewer), model, rows).status_code == 413


def test_an_untrained_model_says_what_to_do(cast, api):
    model = make_model(cast.acme)

    answer = predict(api(cast.viewer), model, [{"x": 1}])

    assert answer.status_code == 409
    assert "train/" in answer.json()["detail"]


def test_a_damaged_file_is_503_and_never_an_answer(trained, cast, api):
    model, rows = trained
    nodes = version_folder(ModelVersion.objects.get()) / "predictor" / "nodes.npy"
    content = bytearray(nodes.read_bytes())
    content[200] ^= 1
    nodes.chmod(0o644)
    nodes.write_bytes(content)

    answer = predict(api(cast.viewer), model, rows)

    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "nodes.npy" in answer.json()["detail"]


def test_explanations_name_every_column_the_strongest_first(trained, cast, api):
    model, rows = trained

    body = predict(api(cast.viewer), model, rows[:3], "explain").json()

    for explanation in body["explanations"]:
        sizes = [abs(part["contribution"]) for part in explanation["contributions"]]
        assert sizes == sorted(sizes, reverse=True)
        assert {part["name"] for part in explanation["contributions"]} == set(rows[0])


def test_mlflow_and_open_inference_clients_get_the_same_answers(trained, cast, api):
    model, rows = trained
    client = api(cast.viewer)
    wanted = predict(client, model, rows).json()
    names = list(rows[0])
    table = {"columns": names, "data": [[row[n] for n in names] for row in rows]}
    tensors = [{"name": n, "datatype": "BYTES", "shape": [30], "data": [row[n] for row in rows]} for n in names]

    for body in ({"dataframe_split": table}, {"dataframe_records": rows}, {"instances": rows}):
        assert client.post(f"/api/v1/models/{model.pk}/invocations/", body).json() == {"predictions": wanted["predictions"]}
    infer = client.post(f"/v2/models/{model.pk}/infer", {"id": "mine", "inputs": tensors}).json()
    assert infer["outputs"][0]["data"] == wanted["predictions"]
    assert infer["outputs"][1]["shape"] == [30, 3]
    assert (infer["id"], infer["model_version"]) == ("mine", "1")
    metadata = client.get(f"/v2/models/{model.pk}").json()
    assert [tensor["name"] for tensor in metadata["inputs"]] == names
    for bad in ({}, {"instances": rows, "inputs": rows}, {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}):
        assert client.post(f"/api/v1/models/{model.pk}/invocations/", bad).status_code == 422
