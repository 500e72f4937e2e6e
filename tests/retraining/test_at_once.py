"""Every trigger at once, from every door at once: one retraining with all its reasons; and asking alone, which leaves no trace."""

from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

from apps.retraining import tasks
from apps.retraining.management.asking import DUE
from apps.retraining.models import RetrainingDecision
from apps.training.models import TrainingCampaign
from apps.workspaces.access import Actor
from tests.hostile.test_at_once import at_once
from tests.monitoring.conftest import few_origins, stores, watched  # noqa: F401  (fixtures)
from tests.retraining.test_policy_api import address, complain, later, put


@pytest.fixture
def due(cast, api, watched, monkeypatch):  # noqa: F811
    """Return a model of which every condition of the first scripts is met, and its age beside them."""
    put(api, cast.trainer, watched, feedback=30, negatives=10, age_days=2, new_rows=20)
    complain(watched, Actor(cast.annotator.pk), 40, wrong=20)
    later(monkeypatch, days=2)
    return watched


@pytest.mark.django_db(transaction=True)
def test_all_triggers_through_all_doors_begin_one_retraining_with_every_reason(due, cast, api):
    ways = [tasks.check_all, tasks.retrain_weekly, lambda: api(cast.trainer).post(address(due, "retrain/"))]

    at_once(*(ways * 3))

    (begun,) = RetrainingDecision.objects.filter(retrain=True)
    assert TrainingCampaign.objects.filter(status="pending").get() == begun.campaign
    met = [one["sentence"] for one in begun.decision["conditions"] if one["met"]]
    assert len(met) == 5
    assert begun.decision["reasons"][-5:] == met
    others = RetrainingDecision.objects.filter(retrain=False)
    assert others.count() == len(ways) * 3 - 1
    assert all("A training of this model is under way." in one.decision["why_not"] for one in others)


def everything(*folders: Path) -> dict[str, object]:
    """Return every row of every table, and every file with its bytes."""
    rows = {model._meta.label: sorted(map(repr, model._default_manager.values_list())) for model in apps.get_models()}
    files = {
        str(path): path.read_bytes() if path.is_file() else b"" for folder in folders for path in sorted(folder.rglob("*"))
    }
    return {**rows, **files}


@pytest.mark.parametrize(
    "words", ["retrain --dry-run", "retrain --dry-run --force --cleanup", "retrain_scheduler --check-only"]
)
def test_asking_alone_changes_no_row_and_no_file(due, stores, words):  # noqa: F811
    before = everything(stores)

    with pytest.raises(SystemExit) as ended:
        call_command(*words.split())

    assert ended.value.code == DUE
    assert everything(stores) == before


def test_asking_over_http_changes_no_row_of_the_model_and_no_file(due, cast, api, stores):  # noqa: F811
    reader = api(cast.viewer)
    reader.get(address(due))  # what signing in notes of the key or session
    before = everything(stores)

    assert reader.post(address(due, "evaluate/")).json()["retrain"] is True

    assert everything(stores) == before
