"""The page of suppression rules: what each says and hid; trainers make and delete them."""

import pytest
from django.urls import reverse

from apps.detections import tasks
from apps.detections.actions import make_suppression
from apps.detections.models import Detection, SuppressionRule
from apps.predictions import recorder as recording
from apps.workspaces.access import SYSTEM
from tests.dashboard.reading import Page
from tests.detections.conftest import ask, forest, make_watched, stores, unusual, usual, watched  # noqa: F401  (fixtures)

LIST = reverse("dashboard:detections")
RULES = reverse("dashboard:suppressions")


@pytest.fixture(autouse=True)
def prediction_log():
    """Keep the log that the platform has: `ask` writes it here and now."""
    return recording.recorder


def words(page):
    return page.text.replace("\u00a0", " ").replace("\u202f", " ")


def asked(model, **fields):
    lines = {"column-0": "town", "how-0": "is", "value-0": "Nice"}
    return {"workspace": model.workspace_id, "model": model.pk, "reason": "The fair at Nice", **lines, **fields}


def test_a_trainer_makes_a_rule_and_sees_what_it_hides(cast, browser, watched):  # noqa: F811
    client = browser(cast.trainer, "en")
    assert len(Page(client.get(f"{RULES}?model={watched.pk}")).all("option", value="town")) == 3

    answer = client.post(
        RULES, asked(watched, **{"column-1": "amount", "how-1": "least", "value-1": "5,5", "most_score": "1"})
    )
    ask(watched, [*usual(5), *unusual(2), *unusual(2, town="Nice")])
    tasks.collect()

    assert (answer.status_code, answer["Location"]) == (302, f"{RULES}?model={watched.pk}")
    rule = SuppressionRule.objects.get()
    assert rule.conditions == [{"column": "town", "equals": "Nice"}, {"column": "amount", "between": [5.5, None]}]
    assert (rule.most_score, rule.least_score, rule.until, rule.created_by) == (1.0, None, None, cast.trainer)
    page = Page(client.get(RULES))
    assert page.faults == []
    assert "town is Nice amount is at least 5.5 score up to 1" in words(page)
    (link,) = [one for one in page.links if "hidden=1" in one]
    hidden = Page(client.get(link.replace("&amp;", "&")))
    assert "Nice" in hidden.text
    assert "Lyon" not in hidden.text


def test_what_another_rule_hides_is_not_in_the_list_of_one(cast, browser, watched):  # noqa: F811
    fields = {"conditions": [], "least_score": None, "most_score": 9.0, "reason": "all", "until": None}
    other = make_suppression(model=watched, fields=fields, actor=SYSTEM)
    ask(watched, unusual(2))
    tasks.collect()
    fresh = make_suppression(model=watched, fields=fields, actor=SYSTEM)
    client = browser(cast.viewer, "en")

    def shown(rule):
        return len(Page(client.get(f"{LIST}?hidden=1&status=all&rule={rule.pk}")).all("table", class_="facts"))

    assert (shown(other), shown(fresh)) == (2, 0)
    assert shown(other) == Detection.objects.filter(suppressed_by=other).count()


@pytest.mark.parametrize(
    ("fields", "language", "told"),
    [
        ({"column-0": "amount", "value-0": "much"}, "en", "the column holds numbers."),
        ({"column-0": "amount", "value-0": "much"}, "fr", "la colonne contient des nombres."),
        ({"column-0": "nothing"}, "en", "the model has no column 'nothing'."),
        ({"value-0": ""}, "fr", "Donnez une valeur, ou choisissez que la colonne est vide."),
        ({"column-0": ""}, "en", "a rule without any would hide everything."),
        ({"reason": ""}, "en", "Why it is harmless"),
        ({"least_score": "high"}, "en", "From which score on"),
        ({"least_score": "0.9", "most_score": "0.1"}, "fr", "Le plus petit score dépasse le plus grand."),
        ({"until": "2020-01-01T10:00"}, "en", "give a time to come."),
        ({"until": "soon"}, "en", "Until when"),
    ],
)
def test_a_bad_rule_is_refused_beside_its_field(fields, language, told, cast, browser, watched):  # noqa: F811
    answer = browser(cast.trainer, language).post(RULES, asked(watched, **fields))

    page = Page(answer)
    assert answer.status_code == 422
    assert told in words(page)
    assert page.faults == []
    assert not SuppressionRule.objects.exists()


def test_an_empty_column_and_an_end_are_understood(cast, browser, watched, settings):  # noqa: F811
    settings.PAGES_TIME_ZONE = "Europe/Paris"

    browser(cast.trainer, "en").post(RULES, asked(watched, until="2099-07-01T10:00", **{"how-0": "empty", "value-0": ""}))

    rule = SuppressionRule.objects.get()
    assert rule.conditions == [{"column": "town", "equals": None}]
    assert rule.until.isoformat() == "2099-07-01T08:00:00+00:00"


def test_a_viewer_reads_and_neither_makes_nor_deletes(cast, browser, watched):  # noqa: F811
    fields = {"conditions": [], "least_score": None, "most_score": 9.0, "reason": "all", "until": None}
    rule = make_suppression(model=watched, fields=fields, actor=SYSTEM)
    client = browser(cast.viewer, "fr")

    page = Page(client.get(RULES))

    assert "Règles de masquage" in page.text
    assert "score jusqu\u2019à 9" in words(page)
    assert page.all("button", class_="primary") == []
    assert client.post(RULES, asked(watched)).status_code == 403
    assert client.post(reverse("dashboard:delete_rule", args=[rule.pk])).status_code == 403
    assert SuppressionRule.objects.count() == 1


def test_a_deleted_rule_leaves_hidden_what_it_hid(cast, browser, watched):  # noqa: F811
    browser(cast.trainer, "en").post(RULES, asked(watched))
    ask(watched, unusual(1, town="Nice"))
    tasks.collect()
    client, rule = browser(cast.trainer, "en"), SuppressionRule.objects.get()

    answer = client.post(reverse("dashboard:delete_rule", args=[rule.pk]))

    assert answer.status_code == 302
    assert not SuppressionRule.objects.exists()
    assert Detection.objects.get().is_suppressed
    assert client.post(reverse("dashboard:delete_rule", args=[rule.pk])).status_code == 404


def test_the_queue_leads_to_the_rules_of_its_model(cast, browser, watched):  # noqa: F811
    page = Page(browser(cast.viewer, "en").get(f"{LIST}?model={watched.pk}"))

    assert f"{RULES}?model={watched.pk}" in page.links
