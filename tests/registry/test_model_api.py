"""Models over HTTP: what may change and when, who was live at which time."""

import pytest
from django.urls import reverse

from tests.factories import make_campaign, make_model
from tests.registry.filing import file_version


@pytest.fixture
def mine(cast):
    return make_model(cast.acme)


def change(client, model, **fields):
    return client.patch(reverse("model-detail", args=[model.pk]), fields)


@pytest.mark.parametrize("status", ["pending", "training"])
@pytest.mark.parametrize("fields", [{"target": "other"}, {"algorithm": "xgboost"}, {"features": ["x"]}])
def test_what_is_being_trained_cannot_become_something_else(status, fields, mine, cast, api):
    make_campaign(mine, status=status)

    answer = change(api(cast.trainer), mine, **fields)

    assert answer.status_code == 409
    assert "is being trained" in answer.json()["detail"]
    assert change(api(cast.trainer), mine, description="still free").status_code == 200


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_after_a_training_that_made_nothing_it_can(status, mine, cast, api):
    make_campaign(mine, status=status)

    assert change(api(cast.trainer), mine, target="other").json()["target"] == "other"


def test_with_a_version_it_never_can(mine, cast, api, store):
    file_version(mine, store)

    answer = change(api(cast.trainer), mine, target="other")

    assert answer.status_code == 409
    assert "Register another model" in answer.json()["detail"]


def test_another_algorithm_brings_its_own_parameters(cast, api):
    from apps.algorithms import catalog

    client = api(cast.trainer)
    given = {"workspace": str(cast.acme.pk), "name": "m", "task": "classification", "target": "y"}
    created = client.post(reverse("model-list"), {**given, "algorithm": "random_forest"}).json()

    answer = client.patch(reverse("model-detail", args=[created["id"]]), {"algorithm": "xgboost"})

    assert answer.status_code == 200, answer.json()
    assert answer.json()["parameters"] == catalog.get("xgboost").clean_parameters({})
    kept = client.get(reverse("model-detail", args=[created["id"]])).json()
    assert (kept["algorithm"], kept["parameters"]) == ("xgboost", answer.json()["parameters"])


def test_another_algorithm_takes_the_parameters_that_come_with_it(mine, cast, api):
    answer = change(api(cast.trainer), mine, algorithm="xgboost", parameters={"max_depth": 3})

    assert answer.json()["parameters"]["max_depth"] == 3
    assert change(api(cast.trainer), mine, algorithm="xgboost", parameters={"nonsense": 3}).status_code == 422


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "nonsense", "2026-02-30T00:00:00Z", "2026-99-01"]
)
def test_a_time_that_is_none_is_refused_in_words(at, mine, cast, api, store):
    file_version(mine, store)

    answer = api(cast.viewer).get(f"{reverse('model-champion', args=[mine.pk])}?at={at}")

    assert answer.status_code == 422
    assert "ISO 8601" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(("at", "status"), [("0001-01-01T00:00:00Z", 404), ("9999-12-31T23:59:59Z", 200)])
def test_the_first_and_the_last_hour_of_the_calendar_are_times(at, status, mine, cast, api, store):
    file_version(mine, store)

    assert api(cast.viewer).get(f"{reverse('model-champion', args=[mine.pk])}?at={at}").status_code == status
