"""`manage.py export_mlflow`: by hand what the clock does by itself."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.tracking import sending
from apps.tracking.models import TrackedRun
from tests.factories import make_model


def export(*words: str) -> str:
    out = StringIO()
    call_command("export_mlflow", *words, stdout=out, stderr=out)
    return out.getvalue()


def test_a_dry_run_says_what_would_be_sent_and_asks_nothing(fake, churn, train):
    train(churn)

    said = export("--dry-run")

    assert "v1: FINISHED" in said
    assert "1 campaigns would be sent" in said
    assert fake.asked == []
    assert not TrackedRun.objects.exists()


def test_it_sends_one_model_or_all(fake, cast, churn, train):
    other = make_model(cast.acme, name="other")
    train(churn)
    train(other)

    assert "1 campaigns were sent" in export("--model", "other")
    assert "1 campaigns were sent" in export()
    assert "0 campaigns were sent" in export()
    assert len(fake.runs) == 2


def test_it_sends_what_ended_lately(fake, churn, train, now):
    train(churn)
    now.pass_by(days=5)
    train(churn, finished_at=now())

    assert "1 campaigns were sent" in export("--since", "2")


def test_what_a_server_lost_is_sent_again_and_what_it_has_is_not_doubled(fake, churn, train):
    train(churn)
    train(churn)
    export()
    del fake.runs[next(iter(fake.runs))]
    fake.versions.clear()
    (registered,) = fake.models.values()
    registered["aliases"] = []

    assert "2 campaigns were sent" in export("--again")
    assert len(fake.runs) == len(fake.versions) == 2
    assert {one["alias"]: one["version"] for one in registered["aliases"]} == {"champion": "1", "challenger": "2"}


def test_by_hand_it_does_not_wait_for_its_turn(fake, churn, train):
    train(churn)
    fake.statuses = [503]
    sending.dispatch()

    assert "1 campaigns were sent" in export()


def test_what_was_not_taken_is_an_error_that_names_it(fake, churn, train):
    train(churn)
    fake.statuses = [503]

    with pytest.raises(CommandError, match="Not all was sent"):
        export()


@pytest.mark.parametrize(("words", "told"), [(["--since", "0"], "1 or more"), (["--model", "nobody"], "There is no model")])
def test_a_bad_flag_is_refused_in_words(words, told, fake, db):
    with pytest.raises(CommandError, match=told):
        export(*words)


def test_without_a_server_it_says_so(settings):
    settings.MLFLOW_TRACKING_URI = ""

    with pytest.raises(CommandError, match="MLFLOW_TRACKING_URI is not set"):
        export()
