"""A version's page, two versions side by side, the way back, and a model that is not worth having."""

import random
from datetime import timedelta

import pytest
from django.urls import reverse

from apps.dashboard.comparing import compared_scores
from apps.dashboard.figures import figure
from apps.dashboard.selectors import _beside, scores_of
from apps.registry.actions import archive_model, create_model
from apps.registry.models import Alias
from apps.registry.selectors import champion_of
from apps.retraining.models import GateReport
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from tests.dashboard.conftest import train, upload
from tests.dashboard.reading import Page
from tests.journeys.tables import as_csv


def url(name: str, *args) -> str:
    return reverse(f"dashboard:{name}", args=args)


@pytest.fixture
def two_versions(late_payers, invoices_of_acme):
    """Return a model whose second version is smaller and waits."""
    assert train(late_payers, invoices_of_acme, parameters={"n_estimators": 10, "max_depth": 1}).status == "completed"
    return late_payers


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_version_that_is_not_live_tells_all_there_is_to_know(cast, two_versions, browser, language):
    answer = browser(cast.viewer, language).get(url("version", two_versions.pk, 2))

    page = Page(answer)
    assert (answer.status_code, page.faults) == (200, [])
    second, live = two_versions.versions.get(number=2), champion_of(two_versions)
    ours = next(score.ours for score in answer.context["scores"] if score.code == "log_loss")
    theirs = answer.context["beside"]["log_loss"]
    assert (ours, theirs.second) == (second.metrics["log_loss"], live.metrics["log_loss"])
    apart = {True: "better", False: "worse"}[theirs.second < ours]  # said of the number that it stands beside
    assert theirs.verdict in {apart, "unsure"}
    assert ("beside version 2." if language == "en" else "à la version 2.") in page.text
    assert dict(answer.context["parameters"])[{"en": "Trees", "fr": "Arbres"}[language]] == 10
    assert answer.context["left_out"] == []
    charts = [chart for chart in page.all("svg") if "plot" in chart.get("class")]
    assert len(charts) >= 2
    campaign = TrainingCampaign.objects.get(version=second)
    assert {url("campaign", campaign.pk), url("version_card", two_versions.pk, 2)} <= page.links
    assert any(link.startswith(url("compare", two_versions.pk)) for link in page.links)
    assert url("promote", two_versions.pk, 2) not in page.posts_to
    assert (
        url("promote", two_versions.pk, 2) in Page(browser(cast.approver).get(url("version", two_versions.pk, 2))).posts_to
    )


def test_columns_left_out_are_named(cast, train_model, browser):
    model = train_model(name="Narrow", features=["amount", "days"])

    answer = browser(cast.viewer).get(url("version", model.pk, 1))

    assert answer.context["left_out"] == ["sector", "city", "since"]
    assert "sector, city, since" in Page(answer).text


def test_when_a_version_was_live_and_why_is_kept(cast, two_versions, browser):
    client = browser(cast.approver)
    client.post(url("promote", two_versions.pk, 2), {"reason": "sharper on big invoices"})
    client.post(url("rollback", two_versions.pk), {"reason": "too many alarms"})

    left, back = (Page(client.get(url("version", two_versions.pk, number))) for number in (2, 1))

    assert "sharper on big invoices" in left.text
    assert "rolled back" in left.text
    assert "too many alarms" in back.text
    assert "approver-of-acme" in back.text


def test_versions_of_an_archived_model_are_read_only(cast, two_versions, browser):
    archive_model(model=two_versions, actor=SYSTEM)

    page = Page(browser(cast.owner).get(url("version", two_versions.pk, 2)))

    assert "Archived" in page.one("h1").text
    assert url("promote", two_versions.pk, 2) not in page.posts_to
    assert browser(cast.viewer).get(url("compare", two_versions.pk)).status_code == 200


def test_what_is_no_version_or_not_ours_is_not_there(cast, two_versions, browser):
    for number in (0, 9, 10**12):
        assert browser(cast.viewer).get(url("version", two_versions.pk, number)).status_code == 404
    assert browser(cast.stranger).get(url("version", two_versions.pk, 1)).status_code == 404
    assert browser(cast.stranger).get(url("compare", two_versions.pk)).status_code == 404
    assert browser(cast.viewer).get(url("compare", two_versions.pk), {"first": "99"}).status_code == 404


@pytest.mark.parametrize("language", ["en", "fr"])
def test_two_versions_are_compared_metric_by_metric(cast, two_versions, browser, language):
    answer = browser(cast.viewer, language).get(url("compare", two_versions.pk))

    page = Page(answer)
    first, second = two_versions.versions.order_by("number")
    assert (answer.context["first"], answer.context["second"]) == (first, second)
    compared = {score.code: score for score in answer.context["scores"]}
    assert set(compared) == set(first.metrics) | set(second.metrics)
    for code, grows in (("roc_auc", True), ("log_loss", False), ("calibration_error", False)):
        one, other = first.metrics[code], second.metrics[code]
        expected = {"" if figure(one) == figure(other) else "better" if (other > one) == grows else "worse", "unsure"}
        assert (compared[code].first, compared[code].second) == (one, other)
        assert compared[code].verdict in expected
    assert [row for row in answer.context["made_of"] if row["differs"]]
    assert answer.context["same_rows"]
    assert len(page.all("polyline")) == 8  # two charts of two lines, each with its key
    assert page.faults == []


def test_versions_measured_on_other_rows_say_so(cast, late_payers, invoices_of_acme, browser):
    train(late_payers, invoices_of_acme, seed=5)

    page = Page(browser(cast.viewer).get(url("compare", late_payers.pk), {"first": "2", "second": "1"}))

    assert "measured on different rows" in page.text


def test_with_one_version_there_is_nothing_to_compare(cast, late_payers, browser):
    assert browser(cast.viewer).get(url("compare", late_payers.pk)).url == url("model", late_payers.pk)


def test_the_way_back_is_named_and_not_offered_when_there_is_none(cast, two_versions, browser):
    client = browser(cast.approver)

    def offered() -> str:
        page = Page(client.get(url("model", two_versions.pk)))
        forms = [form for form in page.all("form") if form.get("action") == url("rollback", two_versions.pk)]
        return forms[0].get("data-confirm") if forms else ""

    assert offered() == ""  # version 2 was never live
    client.post(url("promote", two_versions.pk, 2))
    assert "Bring back version 1?" in offered()
    client.post(url("rollback", two_versions.pk))
    assert offered() == ""  # not to version 2 again
    history = Alias.objects.filter(model=two_versions, name="champion").order_by("pk")
    assert list(history.values_list("version__number", flat=True)) == [1, 2, 1]


@pytest.fixture
def coin(cast):
    """Return a model of what cannot be predicted."""
    chance = random.Random(3)
    rows = [{"x": chance.random(), "y": chance.random(), "side": chance.choice(["heads", "tails"])} for _ in range(300)]
    version = upload(cast.acme, as_csv(rows), name="Coins")
    for seed in range(12):  # by chance a forest may win on the few rows that are kept apart
        model = create_model(
            workspace=cast.acme,
            actor=SYSTEM,
            name=f"Coin {seed}",
            algorithm="random_forest",
            task="classification",
            target="side",
            parameters={"n_estimators": 20},
        )
        if train(model, version, seed=seed).version.evaluation["beats_baseline"] is False:
            return model
        archive_model(model=model, actor=SYSTEM)
    pytest.fail("a forest learned what a coin will show")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_model_no_better_than_its_baseline_is_not_announced_in_green(cast, coin, browser, language):
    client = browser(cast.viewer, language)

    page = Page(client.get(url("model", coin.pk)))
    notes = [note for note in page.all("div") if note.get("class").startswith("note")]
    assert [note.get("class") for note in notes] == ["note warn"]
    assert notes[0].text.count("baseline" if language == "en" else "référence") == 1
    assert "champion" not in {word for badge in page.all("span") for word in badge.get("class").split()}
    for place in (url("home"), url("models")):
        listed = Page(client.get(place))
        badges = [badge.text for badge in listed.all("span") if "warned" in badge.get("class")]
        assert badges == ["To be retrained" if language == "en" else "À réentraîner"]
        assert ("no better than the trivial baseline" if language == "en" else "pas mieux que la référence") in listed.text
    assert not Page(client.get(url("models"))).all("span", class_="badge ready")


def test_the_lists_mark_what_needs_training_again(cast, late_payers, browser):
    late_payers.retrain_every_days = 1
    late_payers.save()
    late_payers.versions.update(created_at=champion_of(late_payers).created_at - timedelta(days=3))

    page = Page(browser(cast.viewer).get(url("models")))

    badge = page.one("span", class_="badge warned")
    assert badge.text == "To be retrained"
    assert "3 days old" in page.text


def test_what_looks_equal_is_neither_better_nor_worse(two_versions):
    first, second = two_versions.versions.order_by("number")
    first.metrics = {"accuracy": 0.81234567, "log_loss": 0.5}
    second.metrics = {"accuracy": 0.81234568, "log_loss": 0.25}
    first.evaluation["intervals"]["metrics"] = {"accuracy": [0.8, 0.82], "log_loss": [0.45, 0.55]}
    second.evaluation["intervals"]["metrics"] = {"accuracy": [0.8, 0.82], "log_loss": [0.2, 0.3]}
    second.baseline = {"metrics": {"accuracy": 0.81234561, "log_loss": 0.5}}

    assert {score.code: score.verdict for score in compared_scores(first, second)} == {"accuracy": "", "log_loss": "better"}
    assert {score.code: score.verdict for score in scores_of(second)} == {"accuracy": "", "log_loss": "better"}


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ((0.80, 0.77, 0.83), (0.82, 0.79, 0.85), "unsure"),
        ((0.80, 0.77, 0.83), (0.84, 0.81, 0.87), "unsure"),  # 0.04 ± 0.042
        ((0.80, 0.77, 0.83), (0.85, 0.82, 0.88), "better"),  # 0.05 ± 0.042, though the intervals overlap
        ((0.85, 0.82, 0.88), (0.80, 0.77, 0.83), "worse"),
        ((0.80, 0.60, 0.81), (0.85, 0.84, 0.99), "better"),  # the ends that lie between the two are those that count
        ((0.80, 0.79, 0.99), (0.85, 0.60, 0.86), "unsure"),
        ((0.80, None, None), (0.99, 0.98, 1.0), "unknown"),
    ],
)
def test_a_difference_is_told_where_the_intervals_leave_no_doubt(one, other, verdict, two_versions):
    versions = list(two_versions.versions.order_by("number"))
    for version, (value, low, high) in zip(versions, (one, other), strict=True):
        version.metrics = {"accuracy": value}
        version.evaluation["intervals"]["metrics"] = {} if low is None else {"accuracy": [low, high]}

    assert [score.verdict for score in compared_scores(*versions)] == [verdict]


@pytest.mark.parametrize(("language", "words"), [("en", "no sure difference"), ("fr", "pas de différence sûre")])
def test_what_may_be_chance_is_called_so(language, words, cast, two_versions, browser):
    first, second = two_versions.versions.order_by("number")
    second.metrics, second.evaluation["intervals"] = dict(first.metrics), first.evaluation["intervals"]
    second.metrics["roc_auc"] -= 0.001
    second.save()

    page = Page(browser(cast.viewer, language).get(url("compare", two_versions.pk)))

    assert [element.text for element in page.all("span", class_="verdict small soft")] == [words]


def test_the_comparison_shows_what_each_took_for_what_and_can_promote(cast, two_versions, browser):
    page = Page(browser(cast.approver).get(url("compare", two_versions.pk)))

    assert len(page.all("table", class_="confusion")) == 2
    assert [address for address in page.posts_to if "promote" in (address or "")] == [url("promote", two_versions.pk, 2)]
    watching = Page(browser(cast.viewer).get(url("compare", two_versions.pk)))
    assert not [address for address in watching.posts_to if "promote" in (address or "")]
    assert browser(cast.viewer).get(url("compare", two_versions.pk), {"first": "one"}).status_code == 404


def test_a_version_is_not_compared_with_itself(cast, two_versions, browser):
    answer = browser(cast.approver).get(url("compare", two_versions.pk), {"first": "2", "second": "2"})

    assert (answer.context["first"].number, answer.context["second"].number) == (2, 1)
    assert browser(cast.viewer).get(url("compare", two_versions.pk), {"first": "0"}).status_code == 404


def test_what_waits_for_approval_is_declined_with_a_reason_that_all_can_read(cast, two_versions, browser):
    first, second = (two_versions.versions.get(number=number) for number in (1, 2))
    waiting = GateReport.objects.create(
        model=two_versions, champion=first, challenger=second, status="completed", outcome="waiting"
    )
    decline = reverse("dashboard:decline", args=[two_versions.pk, waiting.pk])
    watch = url("watch", two_versions.pk)

    assert decline not in Page(browser(cast.trainer).get(watch)).posts_to
    assert decline in Page(browser(cast.approver).get(watch)).posts_to
    answer = browser(cast.approver).post(decline, {"reason": "Audited <next> week"}, follow=True)

    page = Page(browser(cast.viewer).get(watch))
    assert "Version 2 is declined." in Page(answer).text
    assert "Passed, and declined" in page.text
    assert "Audited <next> week" in page.text
    assert champion_of(two_versions) == first
    again = Page(browser(cast.approver).post(decline, follow=True))
    assert "can be declined" in again.text


@pytest.mark.parametrize(("code", "ours", "trivial", "linear", "said"), [
    ("rmse", 9.26, 12.95, 8.83, ""), ("rmse", 8.0, 12.95, 8.83, "better"), ("rmse", 13.0, 12.95, None, "worse"),
    ("accuracy", 0.8, 0.7, None, "better"), ("accuracy", 0.8, 0.7, 0.9, ""), ("accuracy", None, 0.7, 0.9, ""),
])  # fmt: skip
def test_a_score_is_called_better_where_no_baseline_is_as_good(code, ours, trivial, linear, said):
    assert _beside(code, ours, trivial, linear) == said
