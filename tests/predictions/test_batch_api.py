"""Batches over HTTP: the list is filtered and ordered, and a download comes in a form that there is."""

import pytest

from apps.predictions.models import BatchPrediction
from tests.factories import make_dataset_version

URL = "/api/v1/batch_predictions/"


@pytest.fixture
def batches(trained, cast):
    """Return one batch that waits and one that is done; its result is said to be there."""
    model, _rows = trained
    given = {"model": model, "version": model.versions.get(), "dataset_version": make_dataset_version(cast.acme)}
    done = {"status": BatchPrediction.Status.COMPLETED, "result_path": "results/one.parquet"}
    return BatchPrediction.objects.create(**given), BatchPrediction.objects.create(**given, **done)


def test_the_list_is_filtered_and_ordered(batches, cast, api):
    waits, done = batches

    def ids(query: str) -> list[str]:
        return [row["id"] for row in api(cast.viewer).get(f"{URL}?{query}").json()["results"]]

    assert ids("ordering=created_at") == [str(waits.pk), str(done.pk)]
    assert ids("status=completed") == [str(done.pk)]
    assert ids(f"model={done.model_id}&ordering=-created_at") == [str(done.pk), str(waits.pk)]
    assert ids(f"workspace={cast.rival.pk}") == []
    for query in ("status=no", "model=x", "workspace=%00", "ordering=model__workspace__slug"):
        assert api(cast.viewer).get(f"{URL}?{query}").status_code == 422, query


@pytest.mark.parametrize(
    ("address", "forms"),
    [
        ("batch_predictions/{batch}/download/", "csv, semicolons, parquet"),
        ("datasets/{dataset}/download/", "original, parquet"),
        ("models/{model}/versions/1/card/", "markdown, json"),
    ],
)
def test_a_form_that_there_is_not_is_refused_with_those_there_are(address, forms, batches, cast, api):
    _waits, done = batches
    place = address.format(batch=done.pk, dataset=done.dataset_version.dataset_id, model=done.model_id)

    answer = api(cast.viewer).get(f"/api/v1/{place}?form=pdf")

    assert answer.status_code == 422
    assert forms in answer.json()["detail"]
