"""Files of old versions are removed, those that anything refers to never: by rule, with several at once, and when killed."""

import json
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from apps.core import clock
from apps.core.artifacts import ArtifactDamaged
from apps.core.errors import Conflict, Gone, PlatformError
from apps.core.instance import adopt, files_stay
from apps.predictions.models import BatchPrediction
from apps.registry import actions, cleaning, files
from apps.registry.cleaning import Keep, removable_versions, remove_old_files
from apps.registry.models import Alias, ModelVersion
from apps.registry.selectors import champion_of, version_folder
from apps.registry.tasks import remove_old_files as nightly
from apps.workspaces.access import SYSTEM
from apps.workspaces.models import AuditEntry
from tests.factories import make_campaign, make_dataset_version
from tests.registry.filing import file_version

DAY = timedelta(days=1)
ALL = Keep(newest=1, younger_than=timedelta(0), champions_of=timedelta(0))


@pytest.fixture
def versions(model, store) -> dict[int, ModelVersion]:
    """Return six versions: the first is champion, the last challenger."""
    return {number: file_version(model, store) for number in range(1, 7)}


def numbers(model: Any, keep: Keep = ALL) -> list[int]:
    return [version.number for version in removable_versions(model.pk, keep)]


def clean(model: Any, keep: Keep = ALL) -> list[int]:
    return [version.number for version in remove_old_files(model=model, keep=keep, actor=SYSTEM)]


pytestmark = pytest.mark.django_db


def test_what_nothing_refers_to_goes_and_its_row_stays(model, versions, store):
    before = ModelVersion.objects.values("metrics", "manifest", "folder").get(pk=versions[3].pk)

    assert clean(model) == [2, 3, 4, 5]

    assert {path.name.split("-")[0] for path in store.glob("*/*/*")} == {"1", "6"}
    version = ModelVersion.objects.get(pk=versions[3].pk)
    assert version.files_removed_at is not None
    assert ModelVersion.objects.values("metrics", "manifest", "folder").get(pk=version.pk) == before
    assert AuditEntry.objects.filter(verb="version.remove_files").count() == 4
    assert clean(model) == []


def test_the_newest_and_the_young_stay(model, versions):
    ModelVersion.objects.filter(number__lte=3).update(created_at=clock.now() - 40 * DAY)

    assert numbers(model, Keep(newest=5, younger_than=timedelta(0), champions_of=DAY)) == []
    assert numbers(model, Keep(newest=2, younger_than=30 * DAY, champions_of=DAY)) == [2, 3]


def test_who_was_champion_lately_stays_and_whom_a_rollback_brings_back(model, versions):
    for number in (2, 3, 4):
        actions.promote_version(version=versions[number], actor=SYSTEM)
    Alias.objects.filter(name="champion", until__isnull=False).update(until=clock.now() - 100 * DAY)
    Alias.objects.filter(version=versions[2], name="champion").update(until=clock.now() - 10 * DAY)

    keep = Keep(newest=1, younger_than=timedelta(0), champions_of=90 * DAY)
    assert numbers(model, keep) == [1, 5]  # 4 is live, 3 comes back by a rollback, 2 was live lately, 6 is the newest


@pytest.mark.parametrize(("status", "kept"), [("pending", True), ("running", True), ("completed", False), ("failed", False)])
def test_a_version_that_a_batch_works_with_stays(status, kept, model, versions):
    data = make_dataset_version(model.workspace, name="data")
    BatchPrediction.objects.create(model=model, version=versions[3], dataset_version=data, status=status)

    assert (3 not in numbers(model)) is kept


def test_a_model_in_training_is_left_alone(model, versions):
    campaign = make_campaign(model)
    assert clean(model) == []

    type(campaign).objects.update(status="failed")
    assert clean(model) == [2, 3, 4, 5]


def test_a_version_whose_files_are_gone_cannot_go_live_and_says_why(model, versions):
    clean(model)

    for removed in (versions[3], ModelVersion.objects.get(pk=versions[3].pk)):  # read before and after
        with pytest.raises(Conflict, match=r"cannot go live: The files of version 3 were removed on .* The champion stays"):
            actions.promote_version(version=removed, actor=SYSTEM)
    assert champion_of(model).number == 1


def test_one_whose_files_go_between_the_check_and_the_lock_does_not_go_live(model, versions, monkeypatch):
    check = actions.refuse_damaged

    def then_cleaned(version: ModelVersion) -> None:
        check(version)
        clean(model)

    monkeypatch.setattr(actions, "refuse_damaged", then_cleaned)
    with pytest.raises(Conflict, match="cannot go live: The files of version 3 were removed"):
        actions.promote_version(version=versions[3], actor=SYSTEM)

    assert champion_of(model).number == 1


def test_a11_a_rollback_to_a_version_whose_files_are_gone_is_refused_before_any_change(model, versions, store):
    for number in (2, 3):
        actions.promote_version(version=versions[number], actor=SYSTEM)
    before = list(Alias.objects.order_by("pk").values())
    ModelVersion.objects.filter(pk=versions[2].pk).update(files_removed_at=clock.now())

    with pytest.raises(Conflict, match="Version 2 cannot go live: The files of version 2 were removed"):
        actions.rollback_model(model=model, actor=SYSTEM)

    assert list(Alias.objects.order_by("pk").values()) == before
    assert champion_of(model).number == 3


def test_one_that_is_killed_after_the_row_was_written_is_finished_by_the_sweep(model, versions, store, monkeypatch):
    adopt(store)

    class Killed(BaseException):
        pass

    def killed(_version: ModelVersion) -> None:
        raise Killed

    monkeypatch.setattr(cleaning, "take_away", killed)
    with pytest.raises(Killed):
        clean(model)
    monkeypatch.undo()
    version_folder(versions[3]).rename(version_folder(versions[3]).with_name(f"{files.REMOVED}{versions[3].pk.hex}"))

    assert version_folder(versions[2]).is_dir()
    with pytest.raises(Gone):
        files.verify_version(ModelVersion.objects.get(pk=versions[2].pk))
    age_everything(store)
    swept = files.sweep_orphans()

    assert len(swept) == 2
    assert {path.name.split("-")[0] for path in store.glob("*/*/*")} == {"1", "4", "5", "6"}


def age_everything(store: Any) -> None:
    import os

    for path in store.glob("*/*/*"):
        os.utime(path, (time.time() - 2 * 86_400,) * 2)


def test_while_a_backup_copies_no_file_goes_and_the_sweep_takes_them_later(model, versions, store):
    adopt(store)
    with files_stay(store):
        assert clean(model) == [2, 3, 4, 5]
        age_everything(store)
        assert files.sweep_orphans() == []
        assert version_folder(versions[2]).is_dir()

    assert len(files.sweep_orphans()) == 4


def test_an_open_download_is_read_to_its_end(model, versions):
    with files.open_file(versions[2], "predictor/nodes.npy") as download:
        first = download.read(10)
        assert 2 in clean(model)
        assert len(first + download.read()) == 320


def test_the_api_says_that_they_are_gone(cast, api, store):
    from tests.factories import make_model

    model = make_model(cast.acme)
    for _ in range(3):
        file_version(model, store)
    clean(model)
    client, here = api(cast.owner), [model.pk, 2]

    assert client.get(reverse("version-detail", args=here)).json()["files_removed_at"] is not None
    for name, more in (("version-card", []), ("version-artifacts", []), ("version-artifact", ["card.md"])):
        answer = client.get(reverse(name, args=[*here, *more]))
        assert (answer.status_code, answer.json()["code"]) == (410, "gone"), name
        assert "were removed on" in answer.json()["detail"]
    assert client.get(f"{reverse('version-card', args=here)}?form=json").status_code == 200
    assert client.post(reverse("version-promote", args=here)).status_code == 409


def say(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_the_command_says_what_it_would_remove_and_removes_it(model, versions):
    asked = ["cleanup", "--model", model.name, "--keep", "2", "--older-than", "0"]

    assert "files of 3 versions" in (dry := say(*asked, "--dry-run"))
    assert "would be removed" in dry
    assert version_folder(versions[2]).is_dir()
    assert "files of 3 versions" in say(*asked)
    assert not version_folder(versions[2]).exists()
    assert "files of 0 versions" in say("cleanup")


@pytest.mark.parametrize(
    "words", [("--keep", "0"), ("--older-than", "-1"), ("--model", "nobody's")], ids=lambda words: words[0]
)
def test_the_command_refuses_what_makes_no_sense(words, model):
    with pytest.raises(CommandError):
        call_command("cleanup", *words)


def test_at_night_nothing_goes_unless_the_settings_say_how_many_are_kept(model, versions, settings):
    ModelVersion.objects.update(created_at=clock.now() - 40 * DAY)
    nightly()
    assert not ModelVersion.objects.exclude(files_removed_at=None).exists()

    settings.CLEANUP_KEEP_VERSIONS = 2
    nightly()
    assert set(ModelVersion.objects.exclude(files_removed_at=None).values_list("number", flat=True)) == {2, 3, 4}


def in_threads(*work: Callable[[], None]) -> list[BaseException]:
    failed: list[BaseException] = []

    def run(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:  # noqa: BLE001  (told below)
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


class Crowd:
    """Some who clean, promote, read the champion and download, all on one model, for a while."""

    def __init__(self, model: Any, versions: list[ModelVersion], seconds: float) -> None:
        self.model, self.versions, self.until = model, versions, time.monotonic() + seconds
        self.promoted: list[Any] = []
        self.said: list[str] = []
        self.refused: list[PlatformError] = []

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    def clean(self) -> None:
        while self.goes_on:
            clean(self.model)

    def promote(self) -> None:
        chance = random.Random(threading.get_ident())
        while self.goes_on:
            try:
                version = chance.choice(self.versions)
                self.promoted.append(actions.promote_version(version=version, actor=SYSTEM).version_id)
            except Conflict as error:
                self.said.append(error.detail)

    def read_the_champion(self) -> None:
        """Load its files, as predictions do: they are there for as long as it is champion."""
        while self.goes_on:
            champion = champion_of(self.model)
            try:
                files.verify_version(champion, below="predictor/")
            except (Gone, ArtifactDamaged):
                assert champion_of(self.model) != champion

    def download(self) -> None:
        chance = random.Random(1)
        while self.goes_on:
            version = ModelVersion.objects.get(pk=chance.choice(self.versions).pk)
            try:
                with files.open_file(version, "predictor/nodes.npy") as file:
                    assert len(file.read()) == 320
            except PlatformError as error:
                self.refused.append(error)


@pytest.mark.django_db(transaction=True)
def test_a10_cleaning_beside_promotions_predictions_and_downloads_takes_no_file_that_is_referred_to(model, store):
    crowd = Crowd(model, [file_version(model, store) for _ in range(12)], seconds=4)

    failed = in_threads(crowd.clean, crowd.clean, crowd.promote, crowd.promote, crowd.read_the_champion, crowd.download)

    assert failed == []
    assert len(crowd.promoted) > 3
    assert all("removed" in words or "already" in words for words in crowd.said), crowd.said
    assert all(isinstance(error, Gone) for error in crowd.refused), crowd.refused
    files.verify_version(champion_of(model))
    for version in ModelVersion.objects.all():
        assert version_folder(version).is_dir() is (version.files_removed_at is None)
    told = AuditEntry.objects.filter(verb="version.remove_files")
    assert len({json.dumps(entry.details) for entry in told}) == told.count()  # each once
