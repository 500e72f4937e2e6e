"""Reads of datasets: as many queries for many versions as for one, and no more of them than a list shows."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.selectors import datasets_of, latest_ready_version, latest_version
from tests.factories import make_dataset_version

COLUMNS = [{"name": f"c{i}", "dtype": "number"} for i in range(3)]


@pytest.fixture
def long_history(cast) -> Dataset:
    """Return a dataset of 50 versions: the last is checked, the two before are refused, the others ready."""
    first = make_dataset_version(cast.acme, columns=COLUMNS)
    copied = {f.name: getattr(first, f.name) for f in first._meta.fields if f.name not in {"id", "number", "created_at"}}
    states = ["ready"] * 46 + ["refused"] * 2 + ["checking"]
    DatasetVersion.objects.bulk_create(
        DatasetVersion(**{**copied, "number": number, "status": status}) for number, status in enumerate(states, start=2)
    )
    return first.dataset


def test_the_newest_versions_are_found_and_no_other_is_read(cast, long_history):
    (dataset,) = datasets_of([cast.acme.pk])

    newest, ready = latest_version(dataset), latest_ready_version(dataset)

    assert (newest.number, newest.status) == (50, "checking")
    assert (ready.number, ready.status) == (47, "ready")
    assert len(dataset.shown_versions) == 2
    plain = Dataset.objects.get(pk=long_history.pk)
    assert (latest_version(plain).number, latest_ready_version(plain).number) == (50, 47)


@pytest.mark.parametrize("whole", [False, True])
def test_a_list_takes_two_queries_and_reads_columns_only_when_asked(cast, long_history, whole):
    for number in range(5):
        make_dataset_version(cast.acme, name=f"other {number}", columns=COLUMNS)

    with CaptureQueriesContext(
        connection,
    ) as seen:
        rows = [(latest_version(d), latest_ready_version(d)) for d in datasets_of([cast.acme.pk], whole=whole)]
        sizes = [version.upload_bytes for pair in rows for version in pair]

    assert len(sizes) == 12
    assert len(seen) == 2
    assert any('"preview"' in query["sql"] for query in seen) == whole
    if not whole:
        assert [newest.column_count for newest, _ready in rows] == [3] * 6
    assert rows[0][0].columns == COLUMNS


def test_an_empty_dataset_has_no_version(cast):
    Dataset.objects.create(workspace=cast.acme, name="empty")

    (dataset,) = datasets_of([cast.acme.pk])

    assert (latest_version(dataset), latest_ready_version(dataset)) == (None, None)


def test_the_versions_of_a_dataset_are_all_listed_by_the_api(cast, api, long_history):
    DatasetVersion.objects.update(columns=[])

    found = api(cast.viewer).get(f"/api/v1/datasets/{long_history.pk}/versions/?page_size=200").json()

    assert [version["version"] for version in found["results"]] == list(range(50, 0, -1))
