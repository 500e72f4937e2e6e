"""`manage.py retrain` and `retrain_scheduler`: what cron calls, with the flags, keys and variables that its users have."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from apps.core import clock
from apps.core.errors import InvalidInput
from apps.registry.models import ModelVersion
from apps.retraining.management.asking import DUE
from apps.retraining.management.seed_keys import SeedRun, limits_of_seed, run_of_seed
from apps.retraining.models import RetrainingDecision
from apps.training.models import TrainingCampaign
from apps.workspaces.access import Actor
from tests.factories import make_model
from tests.monitoring.conftest import few_origins, stores, watched  # noqa: F401  (fixtures)
from tests.registry.filing import file_version
from tests.retraining.test_policy_api import complain, later, put

SEED_JSON = {
    "days_back": 60, "min_feedback": 200, "min_negative_feedback": 30, "min_positive_rate": 0.8, "epochs": 10,
    "learning_rate": 0.0005, "cleanup": False, "log_level": "DEBUG", "force_retrain": True,
}  # fmt: skip
SEED_VARIABLES = {
    "RETRAIN_DAYS_BACK": "60", "RETRAIN_MIN_FEEDBACK": "200", "RETRAIN_MIN_NEGATIVE": "30", "RETRAIN_MIN_POSITIVE_RATE": "0.8",
    "RETRAIN_EPOCHS": "10", "RETRAIN_LEARNING_RATE": "0.0005", "RETRAIN_CLEANUP": "False", "RETRAIN_LOG_LEVEL": "DEBUG",
}  # fmt: skip


def test_the_seeds_json_keys_and_variables_are_read_alike():
    expected = {"window_days": 60, "feedback": 200, "negatives": 30, "satisfaction": 0.8}

    assert limits_of_seed(SEED_JSON) == limits_of_seed(SEED_VARIABLES) == expected
    assert run_of_seed(SEED_JSON) == SeedRun(10, 0.0005, cleanup=False, log_level="DEBUG", force=True)
    assert run_of_seed(SEED_VARIABLES) == SeedRun(10, 0.0005, cleanup=False, log_level="DEBUG", force=False)


def test_what_is_not_given_is_left_to_the_policy():
    assert limits_of_seed({}) == {}
    assert run_of_seed({}) == SeedRun(None, None, cleanup=True, log_level="INFO", force=False)


def test_a_json_key_goes_before_its_variable():
    config = {"RETRAIN_DAYS_BACK": "60", "days_back": 90, "RETRAIN_MIN_FEEDBACK": "50"}

    assert limits_of_seed(config) == {"window_days": 90, "feedback": 50}


@pytest.mark.parametrize(("config", "named"), [
    ({"RETRAIN_MIN_FEEDBACK": "many"}, "/RETRAIN_MIN_FEEDBACK"), ({"min_positive_rate": 70}, "/min_positive_rate"),
    ({"min_feedback": "100"}, "/min_feedback"), ({"RETRAIN_CLEANUP": "perhaps"}, "/RETRAIN_CLEANUP"),
    ({"RETRAIN_DAYS_BACK": "30.5"}, "/RETRAIN_DAYS_BACK"), ({"batch_size": 3}, "/batch_size"),
    ({"RETRAIN_EPOCHS": "1e999"}, "/RETRAIN_EPOCHS"),
])  # fmt: skip
def test_a_bad_value_of_the_seeds_configuration_is_named_as_it_was_given(config, named):
    with pytest.raises(InvalidInput) as raised:
        limits_of_seed(config)

    assert [problem.pointer for problem in raised.value.problems] == [named]


def call(*args):
    out = StringIO()
    call_command(*args, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture
def due(cast, api, watched, monkeypatch):  # noqa: F811
    """Return a model that its policy would retrain now."""
    put(api, cast.trainer, watched, feedback=30, negatives=10)
    complain(watched, Actor(cast.annotator.pk), 40, wrong=20)
    later(monkeypatch, days=2)
    return watched


def test_a_dry_run_tells_what_the_real_one_does_and_writes_nothing(due):
    out = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("retrain", "--dry-run", stdout=out)
    dry = json.loads(out.getvalue())
    before = (RetrainingDecision.objects.count(), TrainingCampaign.objects.filter(status="pending").count())
    (real,) = call("retrain")

    assert ended.value.code == DUE
    assert before == (0, 0)
    assert (dry["retrain"], dry["dry_run"], real["dry_run"]) == (True, True, False)
    assert [dry[name] for name in ("conditions", "guards", "reasons")] == [
        real[name] for name in ("conditions", "guards", "reasons")
    ]
    assert real["campaign"] == str(TrainingCampaign.objects.get(status="pending").pk)
    assert RetrainingDecision.objects.get().origin == "command"


def test_flags_take_the_place_of_the_policy_s_limits(due):
    (told,) = call("retrain", "--model", due.name, "--min-feedback", "200", "--days-back", "60")

    assert told["retrain"] is False
    feedback = next(one for one in told["conditions"] if one["name"] == "feedback")
    assert (feedback["value"], feedback["threshold"]) == (40, 200)
    assert "in 60 days" in feedback["sentence"]


def test_force_goes_past_the_conditions_and_settings_that_the_algorithm_lacks_are_named(cast, watched):  # noqa: F811
    (told,) = call("retrain", "--model", str(watched.pk), "--force", "--epochs", "10", "--learning-rate", "0.0005")

    assert (told["retrain"], told["forced"]) == (True, True)
    assert told["parameters_left_out"] == ["epochs", "learning_rate"]  # it is a forest
    assert TrainingCampaign.objects.filter(status="pending").count() == 1


def test_history_shows_what_was_decided_the_newest_first(due, monkeypatch):
    call("retrain")
    later(monkeypatch, hours=1)
    call("retrain")

    told = call("retrain", "--history")

    assert [one["retrain"] for one in told] == [False, True]
    assert told[0]["why_not"]


def test_the_scheduler_reads_keys_and_variables(due, monkeypatch, tmp_path):
    config = tmp_path / "retrain_config.json"
    config.write_text(json.dumps({"days_back": 60, "min_feedback": 200}))
    monkeypatch.setenv("RETRAIN_MIN_NEGATIVE", "5")

    (told,) = call("retrain_scheduler", "--check-only", "--config", str(config))

    limits = {one["name"]: one["threshold"] for one in told["conditions"]}
    assert (limits["feedback"], limits["negatives"], limits["satisfaction"]) == (200, 5, 0.7)
    assert told["retrain"] is False


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        ("{", "is no JSON"),
        ("[1]", "must hold an object"),
        ('{"min_feedback": "many"}', "min_feedback: Give a whole number"),
    ],
)
def test_a_bad_file_is_refused_in_words(content, says, db, tmp_path):
    config = tmp_path / "config.json"
    if content is not None:
        config.write_text(content)

    with pytest.raises(CommandError, match=says):
        call_command("retrain_scheduler", "--config", str(config))


def test_an_unknown_model_and_a_name_of_two_are_refused(cast, db):
    for workspace in (cast.acme, cast.rival):
        make_model(workspace, name="twins")

    with pytest.raises(CommandError, match="no model 'nobody'"):
        call_command("retrain", "--model", "nobody")
    with pytest.raises(CommandError, match="Give the id"):
        call_command("retrain", "--model", "twins")


def test_nothing_to_decide_on_is_no_fault(db):
    assert call("retrain") == call("retrain_scheduler") == []


@pytest.fixture
def many_versions(watched, api, cast):  # noqa: F811
    """Return a model of seven versions, all but the live one by hand, all of them old; by default the second may go."""
    put(api, cast.trainer, watched)
    for _ in range(6):
        file_version(watched, Path(settings.ML_MODELS_DIR))
    ModelVersion.objects.update(created_at=clock.now() - timedelta(days=40))
    return watched


def without_files():
    return list(ModelVersion.objects.exclude(files_removed_at=None).values_list("number", flat=True))


@pytest.mark.parametrize(
    ("flags", "told", "gone"), [([], [], []), (["--cleanup", "--dry-run"], [2], []), (["--cleanup"], [2], [2])]
)
def test_retrain_removes_files_of_old_versions_when_it_is_asked_to(flags, told, gone, many_versions):
    (said,) = call("retrain", *flags)

    assert (said["files_removed"], without_files()) == (told, gone)


@pytest.mark.parametrize("cleanup", [True, False])
def test_the_seeds_key_says_whether_files_of_old_versions_are_removed(cleanup, many_versions, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"cleanup": cleanup}))

    (said,) = call("retrain_scheduler", "--config", str(tmp_path / "config.json"))

    assert said["files_removed"] == without_files() == ([2] if cleanup else [])
