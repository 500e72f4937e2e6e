"""A process that is killed at any step of filing a version, or runs out of disk there."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse

from apps.registry import files
from apps.registry.models import ModelVersion
from apps.registry.selectors import champion_of, version_folder
from apps.training import lifecycle
from apps.training.models import TrainingCampaign
from tests.factories import make_member
from tests.hostile.conftest import Forks, adopt_stores, forget
from tests.hostile.damage import age
from tests.hostile.disks import SmallDisk
from tests.hostile.dying import POINTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROW = {"amount": 1.5, "days": 3, "city": "Lyon"}
Work = Callable[..., int]


@pytest.fixture
def work(forks: Forks) -> Work:
    """Return what claims a campaign, has it trained in a process of its own, and tells how that ended."""

    def run(campaign: TrainingCampaign, **fault: Any) -> int:
        claim = lifecycle.claim(campaign.pk, {})
        assert claim is not None
        ended = forks.do("train", campaign=str(campaign.pk), token=str(claim.token), attempt=claim.attempt, **fault)
        if ended["code"] < 0:
            lifecycle.give_back(campaign.pk, claim.token, reason="It was killed.", is_death=True)
        campaign.refresh_from_db()
        return int(ended["code"])

    return run


@pytest.fixture
def first(campaign_on_table, work: Work) -> TrainingCampaign:
    """Return a campaign that ended well; its version is live."""
    adopt_stores()
    campaign = campaign_on_table()
    assert work(campaign) == 0
    assert campaign.status == "completed"
    return campaign


def again(first: TrainingCampaign, campaign_on_table: Any) -> TrainingCampaign:
    campaign: TrainingCampaign = campaign_on_table(workspace=first.model.workspace, model=first.model, seed=1)
    return campaign


@pytest.fixture
def ask(first: TrainingCampaign, api) -> Callable[[], Any]:
    """Return what asks the live version, in a process that has loaded nothing yet."""
    client = api(make_member(first.model.workspace, "owner"))

    def predict() -> Any:
        forget()
        answer = client.post(reverse("model-predict", args=[first.model_id]), {"data": [ROW]})
        assert answer.status_code == 200, answer.content
        body = answer.json()
        return body["version"], body["predictions"], body["details"]

    return predict


def folders() -> set[str]:
    root = Path(settings.ML_MODELS_DIR)
    return {path.relative_to(root).as_posix() for path in root.glob("*/*/*")}


def named() -> set[str]:
    return set(ModelVersion.objects.values_list("folder", flat=True))


def assert_rows_are_whole() -> None:
    for version in ModelVersion.objects.all():
        files.verify_version(version)


@pytest.mark.parametrize("point", POINTS)
def test_a_save_killed_at_any_step_leaves_all_or_nothing(
    first: TrainingCampaign, work: Work, ask: Callable[[], Any], campaign_on_table, point: str
):
    before, right = named(), ask()
    campaign = again(first, campaign_on_table)

    assert work(campaign, point=point) == -signal.SIGKILL, "the point was never reached"

    is_committed = point == "after the commit"
    assert (campaign.status, campaign.attempt) == (("completed", 1) if is_committed else ("pending", 2))
    assert ModelVersion.objects.count() == (2 if is_committed else 1)
    assert_rows_are_whole()
    assert ask() == right
    orphans = folders() - named()
    assert len(orphans) == (0 if is_committed or point == "before anything is staged" else 1)

    assert files.sweep_orphans() == []
    age(*Path(settings.ML_MODELS_DIR).glob("*/*/*"))
    assert set(files.sweep_orphans()) == orphans
    assert folders() == named() >= before
    assert_rows_are_whole()
    if not is_committed:
        assert work(campaign) == 0
        assert (campaign.status, campaign.version.number) == ("completed", 2)
    assert ModelVersion.objects.count() == 2
    assert champion_of(first.model) == first.version
    assert ask() == right


@pytest.mark.parametrize("point", ["between the rename and the row", "before the commit"])
def test_what_was_moved_into_place_before_a_kill_does_not_hinder_the_next_attempt(
    first: TrainingCampaign, work: Work, campaign_on_table, point: str
):
    campaign = again(first, campaign_on_table)
    assert work(campaign, point=point) == -signal.SIGKILL

    assert work(campaign) == 0

    assert campaign.status == "completed"
    assert_rows_are_whole()


@pytest.mark.parametrize("algorithm", ["random_forest", "xgboost"])
@pytest.mark.parametrize("room", [100, 2_000, 30_000], ids=["at once", "in the first array", "later"])
def test_a_full_disk_ends_a_training_in_words_and_the_champion_answers(
    first: TrainingCampaign, work: Work, ask: Callable[[], Any], campaign_on_table, algorithm: str, room: int
):
    right = ask()
    campaign = campaign_on_table(algorithm=algorithm, workspace=first.model.workspace, parameters={"n_estimators": 150})
    if algorithm == first.model.algorithm:
        TrainingCampaign.objects.filter(pk=campaign.pk).update(model=first.model)

    assert work(campaign, room=room) == 0

    assert campaign.status == "failed"
    assert "disk is full" in campaign.error, campaign.error
    assert ModelVersion.objects.count() == 1
    assert_rows_are_whole()
    assert ask() == right
    campaign = again(first, campaign_on_table)
    assert work(campaign) == 0
    assert campaign.status == "completed"
    assert version_folder(campaign.version).is_dir()


@pytest.mark.parametrize(
    "point",
    [
        "before anything is staged",
        "between two arrays of the predictor",
        "when all is staged",
        "between the schema and the seal",
        "between the card and the manifest",
    ],
)
def test_a_disk_that_fills_up_at_any_step_ends_a_training_in_words_until_it_is_freed(
    first: TrainingCampaign,
    work: Work,
    ask: Callable[[], Any],
    campaign_on_table,
    small_disk: SmallDisk,
    settings,
    point: str,
):
    right = ask()
    shutil.copytree(settings.ML_MODELS_DIR, small_disk.path, dirs_exist_ok=True)
    settings.ML_MODELS_DIR = small_disk.path
    campaign = again(first, campaign_on_table)

    assert work(campaign, point=point, fills=True) == 0

    assert campaign.status == "failed"
    assert "disk is full" in campaign.error, campaign.error
    assert ModelVersion.objects.count() == 1
    assert_rows_are_whole()
    assert ask() == right
    small_disk.free()
    campaign = again(first, campaign_on_table)
    assert work(campaign) == 0
    assert campaign.status == "completed"
