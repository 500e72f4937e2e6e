"""Forecasts over HTTP: from a file of series to answers with times and bounds."""

import numpy as np
import pytest

from apps.predictions.models import PredictionLog
from apps.predictions.recorder import recorder
from apps.training.engine.reading import service_of
from tests.factories import make_campaign, make_model, make_workspace
from tests.forecasts.conftest import ASKED, DAYS, FIRST, csv_of, upload


def day(place: int) -> str:
    return str(np.datetime_as_string(FIRST + place, unit="D"))


def test_a_file_of_series_is_recognised_and_told(cast, stores):
    version = upload(cast, csv_of())

    assert version.status == "ready"
    assert version.dataset.kind == "series"
    found = version.reading["series"]
    assert {name: found[name] for name in ("time", "series", "value", "step", "count", "first", "last", "longest")} == {
        "time": "jour", "series": "magasin", "value": "ventes", "step": "day", "count": 2,
        "first": day(0), "last": day(DAYS - 1), "longest": DAYS,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("amount;label\n" + "1,5;a\n2,5;b\n" * 20, "tabular"),
        ("day;amount\n" + "2026-01-01;3\n2026-01-01;4\n" * 20, "tabular"),
    ],
)
def test_other_tables_stay_tables(text, kind, cast, stores):
    assert upload(cast, text).dataset.kind == kind


def test_a_table_said_to_be_series_without_times_is_refused(cast, stores):
    version = upload(cast, "amount;label\n" + "1,5;a\n2,5;b\n" * 20, kind="series")

    assert (version.status, version.problems[0]["code"]) == ("refused", "no_series")


def test_each_step_of_each_series_is_answered_with_its_time_and_bounds(forecasting, cast, api):
    assert forecasting.campaign.status == "completed", forecasting.campaign.error

    body = api(cast.viewer).post(f"/api/v1/models/{forecasting.model_id}/predict/", {}, format="json").json()

    assert len(body["predictions"]) == len(body["prediction_ids"]) == 28
    details = body["details"]
    assert [one["series"] for one in details] == ["nord"] * 14 + ["sud"] * 14
    assert [one["timestamp"] for one in details[:14]] == [day(DAYS + i) for i in range(14)]
    for value, detail in zip(body["predictions"], details, strict=True):
        low, high = detail["interval"]
        assert low <= value <= high
        assert detail["level"] == 0.9
    saturdays = [value for value, one in zip(body["predictions"], details, strict=True) if one["timestamp"] == day(DAYS + 5)]
    assert saturdays[0] > 180
    assert saturdays[1] > 280


def test_horizon_and_series_are_chosen_and_every_answer_can_be_found_again(forecasting, cast, api):
    client = api(cast.viewer)

    body = client.post(
        f"/api/v1/models/{forecasting.model_id}/predict/", {"horizon": 3, "series": ["sud"]}, format="json"
    ).json()
    recorder.flush()

    assert [one["series"] for one in body["details"]] == ["sud"] * 3
    log = PredictionLog.objects.get()
    assert log.rows == [{"jour": day(DAYS + i), "magasin": "sud"} for i in range(3)]
    one = client.get(f"/api/v1/predictions/{body['prediction_ids'][2]}/").json()
    assert (one["row"], one["prediction"]) == (log.rows[2], body["predictions"][2])


def test_posted_rows_are_the_newest_known_ones(forecasting, cast, api):
    rows = [{"jour": day(DAYS + i), "magasin": "nord", "ventes": 150.0 + i} for i in range(3)]

    body = api(cast.viewer).post(f"/api/v1/models/{forecasting.model_id}/predict/", {"data": rows, "horizon": 2}).json()

    assert [one["timestamp"] for one in body["details"]] == [day(DAYS + 3), day(DAYS + 4)]


SENSELESS = [
    ({"horizon": 0}, "/horizon"),
    ({"horizon": "3"}, "/horizon"),
    ({"horizon": 10**9}, "/horizon"),
    ({"series": "nord"}, "/series"),
    ({"series": []}, "/series"),
    ({"series": ["est"]}, "/series"),
    ({"horizons": 3}, "/horizons"),
    ({"data": 7}, "/data"),
    ({"data": [{"jour": day(DAYS), "magasin": "nord"}]}, "/data/0/ventes"),
    ({"data": [{"jour": "demain", "magasin": "nord", "ventes": 1}]}, "/data/0/jour"),
    ({"data": [{"jour": None, "magasin": "nord", "ventes": 1}]}, "/data/0/jour"),
    ({"data": [{"jour": "2026-06-01T12:00:00", "magasin": "nord", "ventes": 1}]}, "/data/0/jour"),
    ({"data": [{"jour": day(DAYS), "magasin": None, "ventes": 1}]}, "/data/0/magasin"),
    ({"data": [{"jour": day(DAYS), "magasin": "est", "ventes": 1}]}, "/data/0/magasin"),
    ({"data": [{"jour": day(DAYS + 60), "magasin": "nord", "ventes": 1}]}, "/data"),
    ({"data": [{"jour": "9999-12-31", "magasin": "nord", "ventes": None}]}, "/data"),
    ({"data": [{"jour": day(DAYS), "magasin": "nord", "ventes": 1}] * 2}, "/data/1/jour"),
]


def test_what_makes_no_sense_is_refused_by_name(forecasting, cast, api):
    client = api(cast.viewer)
    for body, pointer in SENSELESS:
        for route in ("predict", "explain"):
            answer = client.post(f"/api/v1/models/{forecasting.model_id}/{route}/", body, format="json")

            assert answer.status_code == 422, (body, answer.content)
            assert answer.json()["errors"][0]["pointer"] == pointer, body


def test_other_ways_to_ask(forecasting, cast, api):
    client, model = api(cast.trainer), forecasting.model_id
    plain = client.post(f"/api/v1/models/{model}/predict/", {"horizon": 2}, format="json").json()["predictions"]

    mlflow = client.post(f"/api/v1/models/{model}/invocations/", {"params": {"horizon": 2}}, format="json")
    tensor = {"name": "horizon", "datatype": "INT64", "shape": [1], "data": [2]}
    infer = client.post(f"/v2/models/{model}/infer", {"inputs": [tensor]}, format="json")
    explained = client.post(f"/api/v1/models/{model}/explain/", {"horizon": 2, "series": ["nord"]}, format="json").json()
    batch = client.post(
        f"/api/v1/models/{model}/batch_predictions/", {"dataset": str(forecasting.data.dataset_id)}, format="json"
    )

    assert mlflow.json()["predictions"] == plain
    assert infer.json()["outputs"][0]["data"] == plain
    assert client.get(f"/v2/models/{model}").json()["inputs"][0]["name"] == "horizon"
    for value, one in zip(plain, explained["explanations"], strict=False):
        parts = {part["name"]: part["contribution"] for part in one["contributions"]}
        assert {"trend", "weekly"} <= parts.keys()
        assert one["prediction"] == value == pytest.approx(one["base"] + sum(parts.values()))
    assert batch.status_code == 409
    for bad in ({"params": 3}, {"params": {"steps": 2}}, {"inputs": [{"name": "x", "data": [1]}]}):
        assert client.post(f"/api/v1/models/{model}/invocations/", bad, format="json").status_code == 422
    assert (
        client.post(f"/v2/models/{model}/infer", {"inputs": [{"name": "x", "data": [1]}]}, format="json").status_code == 422
    )


def test_the_version_tells_how_it_did_beside_its_baseline(forecasting, cast, api):
    version = api(cast.viewer).get(f"/api/v1/models/{forecasting.model_id}/versions/").json()["results"][0]

    assert version["metrics"]["mase"] < version["baseline"]["metrics"]["mase"]
    assert {"smape", "mae", "rmse", "within_tolerance", "interval_coverage"} <= version["metrics"].keys()
    curves = version["evaluation"]["curves"]
    assert len(curves["error_ahead"]) == 14
    assert {one["series"] for one in curves["backtests"]} == {"nord", "sud"}
    assert curves["backtests"][0]["forecasts"]
    worst, other = curves["by_series"]
    assert {worst["series"], other["series"]} == {"nord", "sud"}
    assert worst["mase"] >= other["mase"] > 0
    assert (worst["mase"] + other["mase"]) / 2 == pytest.approx(version["metrics"]["mase"])
    assert version["schema"]["time"] == "jour"
    assert version["importance"]["features"][0]["name"] in {"trend", "weekly"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"time_column": ""}, "/time_column"),
        ({"target": ""}, "/target"),
        ({"task": "regression"}, "/task"),
    ],
)
def test_a_model_that_names_too_little_is_refused(change, pointer, cast, api, stores):
    asked = {"workspace": str(cast.acme.pk), "name": "Ventes", **ASKED, **change}

    answer = api(cast.trainer).post("/api/v1/models/", asked, format="json")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"time_column": "magasin"}, "/time_column"),
        ({"target": "magasin"}, "/target"),
        ({"group_column": "jour"}, "/group_column"),
        ({"features": ["magasin", "ville"]}, "/features"),
    ],
)
def test_columns_that_cannot_be_what_they_are_named_for_are_refused_before_anybody_waits(change, pointer, cast, api, stores):
    text = csv_of().replace("ventes\n", "ventes;ville\n").replace(",", ".")
    data = upload(cast, "\n".join(line if i == 0 else f"{line};Lyon" for i, line in enumerate(text.splitlines())) + "\n")
    client = api(cast.trainer)
    asked = {"workspace": str(cast.acme.pk), "name": "Ventes", **ASKED, **change}
    model = client.post("/api/v1/models/", asked, format="json").json()

    answer = client.post(f"/api/v1/models/{model['id']}/train/", {"dataset": str(data.dataset_id)}, format="json")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(("zone", "kind"), [("Europe/Paris", "series"), ("UTC", "tabular")])
def test_times_are_those_of_the_place_also_in_the_night_when_clocks_are_put_back(cast, stores, settings, zone, kind):
    """25 October 2026, 02:00 stands there twice: in Paris by right."""
    settings.PAGES_TIME_ZONE = zone
    hours = [np.datetime64("2026-10-20T00:00:00") + np.timedelta64(i, "h") for i in range(200)]
    hours.insert(123, hours[122])

    version = upload(cast, "time,load\n" + "".join(f"{hour},{100 + i % 24}\n" for i, hour in enumerate(hours)))

    assert str(hours[122]) == "2026-10-25T02:00:00"
    assert version.dataset.kind == kind
    if kind == "series":
        assert "clocks are put back" in version.reading["series"]["notes"][0]


def test_a_training_reads_times_in_the_zone_of_the_place(db, settings):
    settings.PAGES_TIME_ZONE = "Europe/Paris"

    assert service_of(make_campaign(make_model(make_workspace(), task="forecast")), "prophet", {}).zone == "Europe/Paris"
