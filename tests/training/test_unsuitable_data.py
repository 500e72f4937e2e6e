"""What a data set's profile shows to fail is refused before a campaign is made."""

import pytest

from apps.core.errors import InvalidInput
from apps.training import actions
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from tests.factories import make_dataset_version, make_model, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _without_a_broker(monkeypatch):
    monkeypatch.setattr(actions, "send", lambda campaign_id: None)


def profiled(name: str, dtype: str, *, missing: int = 0, distinct: int = 4, **facts) -> dict:
    return {"name": name, "dtype": dtype, "missing": missing, "distinct": distinct, "min": None, "max": None, **facts}


def start(column: dict, *, rows: int = 100, task: str = "classification", **fields) -> None:
    workspace = make_workspace()
    columns = [profiled("x", "number"), profiled("when", "date"), column]
    version = make_dataset_version(workspace, rows=rows, columns=columns)
    model = make_model(workspace, task=task, **{"target": column["name"], **fields})
    actions.start_campaign(model=model, dataset_version=version, actor=SYSTEM)


@pytest.mark.parametrize(
    ("task", "target", "words"),
    [
        ("regression", profiled("y", "date"), "holds dates; a regression predicts a number"),
        ("regression", profiled("y", "datetime"), "holds dates"),
        ("regression", profiled("y", "category"), "holds text; a regression predicts a number"),
        ("regression", profiled("y", "text"), "holds text"),
        ("regression", profiled("y", "number", distinct=1), "Every row has the same value"),
        ("regression", profiled("y", "number", min=-1e39, max=1.0), "too large"),
        ("regression", profiled("y", "number", missing=100, distinct=0), "holds no value"),
        ("classification", profiled("y", "date"), "holds dates; a classification predicts a class"),
        ("classification", profiled("y", "category", distinct=1), "Two classes at least"),
        ("classification", profiled("y", "text", distinct=100), "100 different values in 100 rows"),
        ("classification", profiled("y", "number", distinct=51), "choose regression"),
        ("classification", profiled("y", "category", rarest=1), "a single row"),
        ("classification", profiled("y", "category", distinct=50, top=[{"value": "a", "count": 2}]), "three rows"),
        ("classification", profiled("y", "category", missing=90, distinct=2), "There are 10 rows"),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_learned_is_refused_at_once_in_words(task, target, words):
    with pytest.raises(InvalidInput, match=words) as refused:
        start(target, task=task)

    assert refused.value.problems
    assert not TrainingCampaign.objects.exists()


def test_more_classes_than_can_be_learned_are_counted():
    with pytest.raises(InvalidInput, match="1001 different values; at most 1000"):
        start(profiled("y", "text", distinct=1001), rows=10_000)


@pytest.mark.parametrize(
    "fields",
    [{"target": ""}, {"features": ["y"]}, {"features": ["y"], "group_column": "x"}],
)
def test_a_training_without_target_or_features_is_refused(fields):
    with pytest.raises(InvalidInput, match=r"needs a target|No feature column"):
        start(profiled("y", "category"), **fields)

    assert not TrainingCampaign.objects.exists()


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        (profiled("y", "category", rarest=2, distinct=3), {}),
        (profiled("y", "category", rarest=1, distinct=3), {"time_column": "when"}),  # the lonely row may be kept apart
        (profiled("y", "boolean", rarest=20, distinct=2), {"task": "regression"}),
        (profiled("y", "integer", distinct=100, min=0, max=9), {"task": "regression"}),
        (profiled("y", "date"), {"task": "anomaly", "algorithm": "isolation_forest"}),
        ({"name": "y", "dtype": "category"}, {}),  # a profile that knows nothing refuses nothing
    ],
)
def test_what_may_be_learned_is_started(target, fields):
    start(target, **fields)

    assert TrainingCampaign.objects.count() == 1
