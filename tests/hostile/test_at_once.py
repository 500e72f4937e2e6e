"""What people and the platform do at once to one model: promote, predict, download, sweep, archive its data."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connection
from django.db.models import ProtectedError
from django.urls import reverse

from apps.datasets import supervision
from apps.datasets.models import DatasetVersion
from apps.predictions.cache import predictors
from apps.registry import files
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import version_folder
from apps.workspaces.access import Actor
from apps.workspaces.actions import issue_key
from tests.cast import Cast, make_cast
from tests.hostile.conftest import adopt_stores, forget
from tests.hostile.damage import age
from tests.hostile.trained import file_trained, model_of, trained
from tests.serving import served

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROUNDS = 100


def at_once(*jobs: Callable[[], None]) -> None:
    """Do jobs in threads that begin together; the first error of any of them is raised here."""
    gate, errors = threading.Barrier(len(jobs)), []

    def run(job: Callable[[], None]) -> None:
        try:
            gate.wait(20)
            job()
        except BaseException as error:  # noqa: BLE001  (raised below)
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.fixture
def people(store: Path) -> Cast:
    adopt_stores()
    return make_cast()


@pytest.fixture
def model(people: Cast) -> RegisteredModel:
    return model_of(people.acme, "random_forest")


def champions_of(model: RegisteredModel) -> list[Alias]:
    return list(Alias.objects.filter(model=model, name=Alias.Name.CHAMPION).order_by("since", "pk"))


def test_eight_promoters_leave_one_champion_after_each_of_a_hundred_rounds(people: Cast, model: RegisteredModel, api):
    versions = [file_trained(model, seed=n % 2) for n in range(8)]
    clients = [api(people.approver) for _ in versions]
    answers: Counter[int] = Counter()

    def promoter(place: int) -> Callable[[], None]:
        path = reverse("version-promote", args=[model.pk, versions[place].number])

        def promote() -> None:
            answer = clients[place].post(path, {})
            answers[answer.status_code] += 1
            assert answer.status_code == 200 or "champion already" in answer.json()["detail"], answer.content

        return promote

    for _ in range(ROUNDS):
        at_once(*map(promoter, range(8)))
        assert Alias.objects.filter(model=model, name=Alias.Name.CHAMPION, until=None).count() == 1

    spans = champions_of(model)
    assert len(spans) == answers[200] + 1 > 7 * ROUNDS
    assert all(one.until == other.since for one, other in pairwise(spans)), "the history has a hole or an overlap"
    assert answers.keys() <= {200, 409}


@pytest.fixture
def server(people: Cast) -> Any:
    with served() as address:
        yield address


@pytest.fixture
def two(model: RegisteredModel) -> list[ModelVersion]:
    """Return two versions that answer differently."""
    return [file_trained(model, seed=0), file_trained(model, seed=1)]


def while_champions_change(client: Any, two: list[ModelVersion], turns: int, *jobs: Callable[[], None], pause: float = 0.0):
    """Do each job over and over, until the champion has changed so many times."""
    ended = threading.Event()

    def switch() -> None:
        try:
            for turn in range(turns):
                version = two[(turn + 1) % 2]
                answer = client.post(reverse("version-promote", args=[version.model_id, version.number]), {})
                assert answer.status_code == 200, answer.content
                time.sleep(pause)
        finally:
            ended.set()

    def repeated(job: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            while not ended.is_set():
                job()

        return run

    at_once(switch, *map(repeated, jobs))


def test_each_answer_is_that_of_the_version_it_names_while_the_champion_changes(
    people: Cast, model: RegisteredModel, two: list[ModelVersion], server: str, api
):
    rows = trained("random_forest", 0).rows
    right = {v.number: [d["probabilities"] for d in predictors.get(v.pk).predictor.predict(rows).details] for v in two}
    assert right[1] != right[2]
    _row, clear = issue_key(
        user=people.viewer, workspace=None, name="test", scope="predict", actor=Actor(user_id=people.viewer.pk)
    )
    told: Counter[int] = Counter()

    def ask() -> None:
        with httpx.Client(base_url=server, headers={"Authorization": f"Bearer {clear}"}, timeout=30) as client:
            for _ in range(20):
                answer = client.post(reverse("model-predict", args=[model.pk]), json={"data": rows})
                assert answer.status_code == 200, answer.text
                body = answer.json()
                assert [detail["probabilities"] for detail in body["details"]] == right[body["version"]]
                told[body["version"]] += 1

    while_champions_change(api(people.approver), two, 60, ask, ask, ask, pause=0.05)

    assert min(told[1], told[2]) > 20


def test_the_sweep_takes_no_file_that_is_promoted_asked_for_or_downloaded(
    people: Cast, model: RegisteredModel, two: list[ModelVersion], api
):
    rows, folders, swept = trained("random_forest", 0).rows, version_folder(two[0]).parent, []
    asker, reader = api(people.viewer), api(people.viewer)

    def sweep() -> None:
        (folders / f".staging-{len(swept)}" / "native").mkdir(parents=True)
        age(*folders.iterdir())
        swept.extend(files.sweep_orphans())

    def ask() -> None:
        forget()
        answer = asker.post(reverse("model-predict", args=[model.pk]), {"data": rows})
        assert answer.status_code == 200, answer.content

    def download() -> None:
        for version in two:
            answer = reader.get(reverse("version-artifact", args=[model.pk, version.number, "predictor/nodes.npy"]))
            assert answer.status_code == 200
            assert b"".join(answer.streaming_content)

    while_champions_change(api(people.approver), two, 40, sweep, ask, download)

    assert len(swept) > 10
    assert all(".staging-" in name for name in swept)
    for version in two:
        files.verify_version(version)


def test_data_that_a_version_was_made_from_can_be_archived_but_not_lost(people: Cast, model: RegisteredModel, api):
    version = file_trained(model)
    data = version.dataset_version
    kept, orphan = (Path(settings.DATASETS_DIR) / "tables" / "aa" / name for name in ("kept.parquet", "orphan.parquet"))
    kept.parent.mkdir(parents=True)
    for file in (kept, orphan):
        file.write_bytes(b"PAR1")
        age(file)
    DatasetVersion.objects.filter(pk=data.pk).update(table_path="tables/aa/kept.parquet")
    owner = api(people.owner)

    assert owner.delete(reverse("dataset-detail", args=[data.dataset_id])).status_code == 204
    supervision.sweep_files()

    assert owner.get(reverse("dataset-detail", args=[data.dataset_id])).status_code == 404
    shown = owner.get(reverse("version-detail", args=[model.pk, version.number])).json()
    assert (shown["dataset"], shown["dataset_version"]) == (str(data.dataset_id), str(data.pk))
    answer = owner.post(reverse("model-predict", args=[model.pk]), {"data": trained("random_forest", 0).rows})
    assert answer.status_code == 200
    refused = owner.post(reverse("model-train", args=[model.pk]), {"dataset": str(data.dataset_id)})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown_dataset")
    with pytest.raises(ProtectedError):
        data.dataset.delete()
    assert ModelVersion.objects.filter(dataset_version=data).exists()
    assert (kept.exists(), orphan.exists()) == (True, False)
