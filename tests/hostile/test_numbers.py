"""Numbers that are none: in rows to predict, in what a training tells, in what is stored and shown."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from apps.algorithms import catalog
from apps.registry.models import ModelVersion
from apps.registry.selectors import champion_of, reasons_to_retrain
from apps.training import lifecycle
from apps.training.engine import training as engine
from apps.training.models import TrainingCampaign
from tests.factories import make_member
from tests.hostile.trained import OF_TABLES, TASKS, file_trained, model_of, trained

pytestmark = pytest.mark.slow


class Live:
    """A model of each algorithm, and somebody who asks it."""

    def __init__(self, cast: Any, client: Any) -> None:
        self.client, self.models = client, {slug: model_of(cast.acme, slug) for slug in TASKS}
        for model in self.models.values():
            file_trained(model)

    def ask(self, slug: str, body: str, route: str = "model-predict") -> Any:
        """Send a body as it is."""
        return self.client.post(reverse(route, args=[self.models[slug].pk]), body, content_type="application/json")


@pytest.fixture
def live(cast, api, store) -> Live:
    return Live(cast, api(cast.viewer))


def body_of(row: dict[str, Any], **changed: Any) -> str:
    return json.dumps({"data": [{**row, **changed}]})


def row_of(slug: str) -> dict[str, Any]:
    return trained(slug, 0).rows[0]


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], str], int, str]] = {
    "a column is missing": (
        lambda row: json.dumps({"data": [{k: v for k, v in row.items() if k != "x1"}]}),
        422,
        "/data/0/x1",
    ),
    "a column too many": (lambda row: body_of(row, extra=1), 422, "/data/0/extra"),
    "the target is sent": (lambda row: body_of(row, y=1), 422, "/data/0/y"),
    "a number is a text": (lambda row: body_of(row, x1="12"), 422, "/data/0/x1"),
    "a number is the text NaN": (lambda row: body_of(row, x1="NaN"), 422, "/data/0/x1"),
    "a number is true": (lambda row: body_of(row, x1=True), 422, "/data/0/x1"),
    "a number is a list": (lambda row: body_of(row, x1=[1]), 422, "/data/0/x1"),
    "a number is an object": (lambda row: body_of(row, x1={"v": 1}), 422, "/data/0/x1"),
    "a category is a number": (lambda row: body_of(row, few=3), 422, "/data/0/few"),
    "a category is a list": (lambda row: body_of(row, few=["a"]), 422, "/data/0/few"),
    "a date is a number": (lambda row: body_of(row, day=20_000), 422, "/data/0/day"),
    "a date is no date": (lambda row: body_of(row, day="31/02/2026"), 422, "/data/0/day"),
    "a row is empty": (lambda _row: '{"data": [{}]}', 422, "/data/0/day"),
    "a row is null": (lambda _row: '{"data": [null]}', 422, "/data/0"),
    "a row is a list": (lambda _row: '{"data": [[1, 2]]}', 422, "/data/0"),
    "no row": (lambda _row: '{"data": []}', 422, "/data"),
    "no rows": (lambda _row: "{}", 422, "/data"),
    "rows are null": (lambda _row: '{"data": null}', 422, "/data"),
    "rows are a row": (lambda row: json.dumps({"data": row}), 422, "/data"),
    "the bare word NaN": (lambda row: body_of(row, x1=math.nan), 400, ""),
    "the bare word Infinity": (lambda row: body_of(row, x1=math.inf), 400, ""),
    "1e400": (lambda row: body_of(row).replace('"x1": ', '"x1": 1e400, "_": '), 400, ""),
    "a NUL": (lambda row: body_of(row, few="a\0"), 400, "/data/0/few"),
    "half a surrogate": (lambda row: body_of(row, few="\ud800"), 400, ""),
}


@pytest.mark.parametrize("route", ["model-predict", "model-explain"])
def test_a_row_that_cannot_be_read_is_refused_with_its_row_and_column(live: Live, route: str):
    for slug in OF_TABLES:
        for case, (body, status, pointer) in REFUSED.items():
            answer = live.ask(slug, body(row_of(slug)), route)

            assert answer.status_code == status, (slug, case, answer.content)
            assert answer["Content-Type"] == "application/problem+json"
            found = [problem["pointer"] for problem in answer.json()["errors"]]
            assert pointer in found or (pointer == "" and found == []), (slug, case, found)


TAKEN: dict[str, dict[str, Any]] = {
    "the largest double": {"x1": 1.7976931348623157e308},
    "the most negative double": {"x0": -1.7976931348623157e308, "x1": -1e308},
    "the smallest double": {"x1": 5e-324},
    "beyond a float of 32 bits": {"x0": 3.5e38, "x1": -3.5e38, "x2": 1e39},
    "minus zero": {"x1": -0.0},
    "a long integer": {"x1": 10**300},
    "all is null": dict.fromkeys(("x0", "x1", "x2", "day", "few", "many")),
    "the first day": {"day": "0001-01-01"},
    "the last day": {"day": "9999-12-31"},
    "a text of no length": {"few": "", "many": ""},
    "a text of 100,000 letters": {"few": "a" * 100_000},
    "an emoji and a right-to-left mark": {"few": "🌧\u202eabc"},
}


def finite(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(finite, value.values() if isinstance(value, dict) else value))
    return value is not None and (not isinstance(value, float) or math.isfinite(value))


@pytest.mark.parametrize("slug", OF_TABLES)
def test_extreme_rows_get_answers_that_are_numbers(live: Live, slug: str):
    for case, changed in TAKEN.items():
        body = body_of(row_of(slug), **changed)

        answer, why = live.ask(slug, body), live.ask(slug, body, "model-explain")

        assert (answer.status_code, why.status_code) == (200, 200), (case, answer.content, why.content)
        told = answer.json()
        assert finite([told["predictions"], told["details"]]), (case, told)
        explanation = why.json()["explanations"][0]
        parts = [explanation["base"], *(part["contribution"] for part in explanation["contributions"])]
        assert finite(parts), (case, parts)


@pytest.mark.parametrize("slug", [slug for slug in TASKS if slug not in OF_TABLES])
def test_forecasts_after_extreme_rows_are_numbers(live: Live, slug: str):
    for value in (1.7976931348623157e308, -1.7976931348623157e308, 5e-324, -0.0, 10**300, None):
        body = body_of(row_of(slug), sales=value)

        answer, why = live.ask(slug, body), live.ask(slug, body, "model-explain")

        assert (answer.status_code, why.status_code) == (200, 200), (value, answer.content, why.content)
        told = answer.json()
        assert finite([told["predictions"], told["details"]]), (value, told)
        for one in why.json()["explanations"]:
            assert finite([one["base"], *(part["contribution"] for part in one["contributions"])]), (value, one)


@pytest.mark.parametrize("slug", TASKS)
def test_columns_are_taken_by_name_in_any_order(live: Live, slug: str):
    row = row_of(slug)

    one, other = (live.ask(slug, body_of(dict(order))).json() for order in (row.items(), reversed(row.items())))

    assert one["predictions"] == other["predictions"]
    assert one["details"] == other["details"]


@pytest.fixture
def train(campaign_on_table, transactional_db, monkeypatch) -> Callable[..., TrainingCampaign]:
    """Return what trains a model by an odd algorithm, in this process."""
    monkeypatch.setenv(catalog.EXTRA_PACKAGES, "tests.hostile.odd")

    def run(algorithm: str, **given: Any) -> TrainingCampaign:
        campaign: TrainingCampaign = campaign_on_table(algorithm=algorithm, **given)
        claim = lifecycle.claim(campaign.pk, {})
        engine.run(campaign.pk, claim.token, claim.attempt)
        campaign.refresh_from_db()
        return campaign

    return run


def test_a_score_that_is_no_number_fails_the_training_in_words(train):
    campaign = train("odd_unscored")

    assert campaign.status == "failed"
    assert "is not a number" in campaign.error
    assert not ModelVersion.objects.exists()


STUBBORN = {"n_estimators": 30, "min_samples_leaf": 1_000}  # no leaf is so large: one answer, whatever the row


def test_a_model_that_answers_one_class_only_is_flagged_and_takes_no_better_one_s_place(train):
    good = train("random_forest")

    bad = train("random_forest", model=good.model, parameters=STUBBORN)

    assert bad.status == "completed"
    assert bad.version.evaluation["beats_baseline"] is False
    assert any("no better than the trivial baseline" in text for text in bad.version.evaluation["warnings"])
    assert bad.improvement < 0
    assert champion_of(good.model) == good.version


def test_a_first_model_that_answers_one_class_only_is_to_be_trained_again(train):
    bad = train("random_forest", parameters=STUBBORN)

    assert champion_of(bad.model) == bad.version
    assert any("no better" in reason for reason in reasons_to_retrain(bad.model))


def test_what_is_no_number_is_left_out_with_a_warning_and_every_page_of_it_is_shown(train, api):
    campaign = train("odd_frayed")

    assert (campaign.status, campaign.error) == ("completed", "")
    assert not {"log_loss", "brier"} & campaign.version.metrics.keys()
    client = api(make_member(campaign.model.workspace, "owner"))
    one, version = campaign.model_id, campaign.version.number
    for path in (
        reverse("model-detail", args=[one]),
        reverse("model-performance", args=[one]),
        reverse("model-importance", args=[one]),
        reverse("version-detail", args=[one, version]),
        reverse("version-list", args=[one]),
        reverse("version-card", args=[one, version]),
        reverse("campaign-detail", args=[campaign.pk]),
        reverse("dashboard:model", args=[one]),
        reverse("dashboard:version", args=[one, version]),
        reverse("dashboard:campaign", args=[campaign.pk]),
    ):
        answer = client.get(path)
        assert answer.status_code == 200, path
        if answer["Content-Type"] == "application/json":
            json.loads(answer.content, parse_constant=pytest.fail)
    shown = client.get(reverse("version-detail", args=[one, version])).json()
    assert (set(shown["evaluation"]["curves"]), shown["importance"]["features"]) == (
        {"confusion", "positive", "precision_recall"},
        [],
    )
    for lost in ("log_loss", "brier", "roc", "calibration"):
        assert f"The measure {lost} is not a number and is left out." in shown["evaluation"]["warnings"]
    assert "The importance of 3 columns is not a number; they are not ranked." in shown["evaluation"]["warnings"]
