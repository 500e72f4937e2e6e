"""GET /api/v1/models/dashboard/."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.registry.actions import archive_model
from apps.registry.models import Alias, ModelVersion
from apps.registry.selectors import champion_of, models_of, reasons_to_retrain
from apps.workspaces.access import Actor
from tests.dashboard.conftest import train
from tests.factories import make_campaign, make_model

URL = "/api/v1/models/dashboard/"
NOTHING = {"total_models": 0, "active_models": 0, "ready_models": 0, "training_models": 0, "needs_retraining": 0}


def test_it_counts_what_is_there(cast, late_payers, api):
    busy = make_model(cast.acme, algorithm="xgboost")
    make_campaign(busy, status="training")
    make_campaign(busy)
    archive_model(model=make_model(cast.acme), actor=Actor(user_id=None))
    make_model(cast.rival)

    found = api(cast.viewer).get(URL)

    assert found.status_code == 200
    assert found.json() == {
        "summary": {**NOTHING, "total_models": 2, "active_models": 2, "ready_models": 1, "training_models": 1},
        "models_by_type": {"random_forest": 1, "xgboost": 1},
    }


def test_a_newer_version_of_the_data_asks_for_retraining(cast, late_payers, invoices_of_acme, api):
    from apps.datasets.actions import register_upload
    from tests.dashboard.conftest import as_file, checked
    from tests.journeys.tables import as_csv, invoices

    newer = register_upload(
        workspace=cast.acme,
        dataset=invoices_of_acme.dataset,
        upload=as_file(as_csv(invoices(420, seed=2))),
        actor=Actor(user_id=None),
    )
    assert api(cast.viewer).get(URL).json()["summary"]["needs_retraining"] == 0  # still being checked
    checked(newer)

    assert api(cast.viewer).get(URL).json()["summary"]["needs_retraining"] == 1
    train(late_payers, newer)
    assert api(cast.viewer).get(URL).json()["summary"]["needs_retraining"] == 1  # the challenger is not live yet


def test_it_is_scoped_to_the_caller_and_to_a_workspace(cast, api):
    from apps.workspaces.models import Membership

    make_model(cast.acme)
    make_model(cast.rival)
    Membership.objects.create(workspace=cast.rival, user=cast.viewer, role="viewer")

    assert api(cast.viewer).get(URL).json()["summary"]["total_models"] == 2
    assert api(cast.viewer).get(URL, {"workspace": str(cast.rival.pk)}).json()["summary"]["total_models"] == 1
    assert api(cast.stranger).get(URL).json()["summary"]["total_models"] == 1
    assert api(cast.nobody).get(URL).json() == {"summary": NOTHING, "models_by_type": {}}


@pytest.mark.parametrize(("wanted", "status"), [("not-an-id", 422), ("00000000-0000-4000-8000-000000000000", 404)])
def test_a_workspace_that_cannot_be_had_is_a_problem(cast, api, wanted, status):
    answer = api(cast.viewer).get(URL, {"workspace": wanted})

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


def test_strangers_and_the_anonymous(cast, api):
    assert api().get(URL).status_code == 401
    assert api(cast.stranger).get(URL, {"workspace": str(cast.acme.pk)}).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_models(cast, train_model, api, django_assert_max_num_queries):
    train_model(name="first")
    client = api(cast.viewer)
    with CaptureQueriesContext(connection) as few:
        client.get(URL)
    for number in range(3):
        train_model(name=f"more {number}")
    for _ in range(10):
        make_campaign(make_model(cast.acme))

    with django_assert_max_num_queries(len(few)):
        assert client.get(URL).json()["summary"]["total_models"] == 14


def test_those_to_be_retrained_are_those_with_a_reason(cast, late_payers, invoices_of_acme, api):
    """One counts in the database, the other looks at each model."""
    first = champion_of(late_payers)
    judged = first.evaluation
    cases = [
        (days, age, evaluation)
        for days in (None, 0, 2)
        for age in (1, 3)
        for evaluation in (judged, {**judged, "beats_baseline": False}, {**judged, "beats_baseline": None}, {})
    ]
    for number, (days, age, evaluation) in enumerate(cases):
        model = make_model(cast.acme, retrain_every_days=days)
        made = first.created_at - timedelta(days=age)
        values = {field.attname: getattr(first, field.attname) for field in first._meta.fields}
        fresh = {
            "id": uuid4(),
            "model_id": model.pk,
            "campaign_id": uuid4(),
            "folder": str(number),
            "evaluation": evaluation,
        }
        version = ModelVersion.objects.create(**{**values, **fresh})
        ModelVersion.objects.filter(pk=version.pk).update(created_at=made)
        Alias.objects.create(model=model, version=version, name="champion", since=made)

    counted = api(cast.viewer).get(URL).json()["summary"]["needs_retraining"]

    looked_at = [bool(reasons_to_retrain(model)) for model in models_of([cast.acme.pk])]
    assert len(looked_at) == len(cases) + 1
    assert counted == sum(looked_at) == 9


def test_the_figures_read_no_version_whole(late_payers, api, cast):
    client = api(cast.viewer)
    with CaptureQueriesContext(connection) as asked:
        client.get(URL)

    assert not [query["sql"] for query in asked.captured_queries if '"importance"' in query["sql"]]
