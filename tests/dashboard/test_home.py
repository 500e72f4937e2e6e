"""The first page: figures, empty states, the switch between workspaces; no query more for more rows."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.core import clock
from apps.dashboard.selectors import prediction_days
from apps.predictions.models import PredictionLog
from apps.registry.selectors import champion_of
from apps.workspaces.models import Membership
from tests.dashboard.reading import Page
from tests.factories import make_campaign, make_dataset_version, make_model

HOME = reverse("dashboard:home")


def predicted(model: Any, at: dt.datetime, rows: int) -> None:
    PredictionLog.objects.create(
        id=uuid.uuid4(),
        model=model,
        version=champion_of(model),
        at=at,
        row_count=rows,
        rows=[],
        predictions=[],
        milliseconds=1.0,
    )


def test_a_newcomer_is_led_from_a_file_to_a_prediction(cast, browser):
    page = Page(browser(cast.trainer).get(HOME))

    assert page.faults == []
    assert {reverse("dashboard:datasets"), reverse("dashboard:new_model")} <= page.links
    assert "Upload a table" in page.text


def test_it_shows_models_beside_their_baseline_and_what_runs(cast, late_payers, browser):
    make_model(cast.acme, name="Never trained")
    waiting = make_campaign(make_model(cast.acme, name="In training"))

    answer = browser(cast.viewer).get(HOME)
    page = Page(answer)

    assert page.faults == []
    assert {"Late payers", "Never trained", "ROC AUC", "Untrained", "Ready", "Training"} <= _phrases(page)
    row = next(row for row in answer.context["rows"] if row["model"] == late_payers)
    assert row["score"].verdict != "worse"  # as good as a linear model is neither
    assert reverse("dashboard:campaign", args=[waiting.pk]) in page.links
    assert answer.context["summary"]["training_models"] == 1


def test_a_metric_that_is_neither_good_nor_bad_beside_the_baseline_says_so(cast, late_payers, browser):
    page = Page(browser(cast.viewer, "fr").get(reverse("dashboard:model", args=[late_payers.pk])))

    rows = page.all("tr")
    row = next(row for row in rows if row.text.startswith("Erreur de calibration"))
    assert "pas avec la référence" in rows[rows.index(row) + 1].text
    assert "meilleur" not in row.text
    assert "pire" not in row.text


def test_the_column_of_a_model_s_metric_is_not_called_model(cast, late_payers, browser):
    for address in (reverse("dashboard:models"), reverse("dashboard:model", args=[late_payers.pk])):
        page = Page(browser(cast.viewer).get(address))
        headings = [heading.text for heading in page.all("th", class_="number")]
        assert {"Score", "Baseline"} <= set(headings)


def _phrases(page: Page) -> set[str]:
    return {element.text for element in page.elements}


def test_a_member_of_two_workspaces_looks_at_one_at_a_time_and_the_choice_is_kept(cast, browser):
    make_model(cast.acme, name="of acme")
    make_model(cast.rival, name="of rival")
    Membership.objects.create(workspace=cast.rival, user=cast.viewer, role="viewer")
    client = browser(cast.viewer)

    switched = Page(client.get(HOME, {"workspace": str(cast.rival.pk)}))
    later = Page(client.get(reverse("dashboard:models")))

    for page in (switched, later):
        assert "of rival" in page.text
        assert "of acme" not in page.text
    chosen = [option.text for option in switched.all("option") if "selected" in option.attributes]
    assert "Rival" in chosen
    assert "of acme" in Page(client.get(HOME, {"workspace": str(cast.acme.pk)})).text


def test_the_switch_leads_to_the_dashboard_from_everywhere(cast, browser):
    model = make_model(cast.acme)
    Membership.objects.create(workspace=cast.rival, user=cast.viewer, role="viewer")

    page = Page(browser(cast.viewer).get(reverse("dashboard:model", args=[model.pk])))

    assert page.one("form", method="get").get("action") == HOME


@pytest.mark.parametrize("name", ["datasets", "models", "new_model", "campaigns", "settings", "members"])
def test_who_is_in_no_workspace_is_told_what_to_do(cast, browser, name):
    answer = browser(cast.nobody).get(reverse(f"dashboard:{name}"), follow=True)

    assert answer.redirect_chain == [(HOME, 302)]
    assert "Ask an owner to add you" in Page(answer).text


@pytest.mark.parametrize("wanted", ["not-an-id", "", "00000000-0000-4000-8000-000000000000", "a" * 5000])
def test_a_workspace_that_is_not_the_caller_s_changes_nothing(cast, browser, wanted):
    answer = browser(cast.viewer).get(HOME, {"workspace": wanted})

    assert answer.status_code == 200
    assert answer.context["workspace"] == cast.acme


def test_predictions_are_counted_by_the_reader_s_day(cast, late_payers, monkeypatch):
    """Half past midnight in Paris is still yesterday in UTC: the bar of today must hold it."""
    just_after_midnight = dt.datetime(2026, 7, 14, 22, 30, tzinfo=dt.UTC)
    monkeypatch.setattr(clock, "now", lambda: just_after_midnight)
    predicted(late_payers, just_after_midnight - dt.timedelta(minutes=1), 3)
    predicted(late_payers, just_after_midnight - dt.timedelta(minutes=40), 5)
    predicted(late_payers, just_after_midnight - dt.timedelta(days=8), 100)

    with timezone.override("Europe/Paris"):
        days = prediction_days([cast.acme.pk])

    assert days[-1] == (dt.date(2026, 7, 15), 3)
    assert days[-2] == (dt.date(2026, 7, 14), 5)
    assert (len(days), sum(count for _, count in days)) == (7, 8)


@pytest.mark.parametrize("name", ["home", "models", "datasets", "campaigns", "settings"])
def test_pages_ask_no_more_of_the_database_when_there_is_more(
    cast, late_payers, browser, name, django_assert_max_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client, address = browser(cast.owner), reverse(f"dashboard:{name}")
    client.get(address)
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for number in range(12):
        make_campaign(make_model(cast.acme), status="training")
        make_dataset_version(cast.acme, name=f"more {number}")
        Membership.objects.create(workspace=cast.acme, user=_user(number), role="viewer")

    with django_assert_max_num_queries(len(few)):
        assert client.get(address).status_code == 200


def _user(number: int) -> Any:
    from tests.factories import make_user

    return make_user(f"more-{number}")
