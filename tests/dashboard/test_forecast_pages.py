"""Series and forecasts on the pages: from the file to what comes next."""

from itertools import pairwise

import pytest
from django.http import HttpResponse
from django.urls import reverse

from apps.dashboard.time_charts import time_chart
from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign
from tests.dashboard.conftest import run, upload
from tests.dashboard.reading import Page
from tests.forecasts.conftest import DAYS, csv_of, few_origins  # noqa: F401  (a fixture)

pytestmark = pytest.mark.usefixtures("few_origins")
NEW = reverse("dashboard:new_model")


@pytest.fixture
def sales(cast):
    return upload(cast.acme, csv_of().encode(), name="Ventes", file="ventes.csv")


def given(version, **more):
    fields = {
        "start": "1", "dataset": str(version.dataset_id), "task": "forecast", "target": "ventes", "times": "jour",
        "series": "magasin", "algorithm": "prophet", "name": "Ventes à venir", "prophet.horizon": "7", "prophet.holidays": "none",
    }  # fmt: skip
    return {**fields, **more}


@pytest.fixture
def forecast(cast, sales, browser):
    browser(cast.trainer).post(NEW, given(sales))
    campaign = run(TrainingCampaign.objects.get())
    assert campaign.status == "completed", campaign.error
    return campaign.model


def address_of(model) -> str:
    return reverse("dashboard:model", args=[model.pk])


def test_the_page_of_the_data_tells_the_series_in_it(cast, sales, browser):
    address = reverse("dashboard:dataset", args=[sales.dataset_id])

    english, french = (Page(browser(cast.viewer, language).get(address)).text for language in ("en", "fr"))

    assert "one day a step" in english
    assert f"2 · {DAYS} steps" in english
    assert "un pas : jour" in french.replace("\u00a0", " ")
    assert "05/01/2026" in french


def test_the_form_proposes_a_forecast_of_what_was_found(cast, sales, browser):
    page = Page(browser(cast.trainer).get(NEW, {"dataset": str(sales.dataset_id)}))

    chosen = {element.get("name"): element for element in page.all("select")}
    assert page.one("input", name_="task", value="forecast").attributes.keys() >= {"checked"}
    selected = {option.get("value") for option in page.all("option") if "selected" in option.attributes}
    assert {"jour", "magasin", "ventes"} <= selected
    assert {"times", "series", "target"} <= chosen.keys()


def test_a_sent_form_makes_a_model_of_these_columns(cast, sales, browser):
    answer = browser(cast.trainer).post(NEW, given(sales))

    assert answer.status_code == 302
    model = RegisteredModel.objects.get()
    assert (model.task, model.time_column, model.group_column, model.features) == ("forecast", "jour", "magasin", [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"times": ""}, "times"),
        ({"times": "magasin"}, "times"),
        ({"series": "jour"}, "series"),
        ({"target": ""}, "target"),
        ({"prophet.horizon": "0"}, "prophet.horizon"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(change, field, cast, sales, browser):
    answer = browser(cast.trainer, "fr").post(NEW, given(sales, **change))

    assert answer.status_code == 422
    assert f'href="#field-{field}"' in answer.content.decode()
    assert RegisteredModel.objects.count() == 0


def test_the_page_of_the_model_shows_what_comes_next_and_how_earlier_forecasts_turned_out(cast, forecast, browser):
    client = browser(cast.viewer, "fr")

    page = Page(client.get(address_of(forecast)))

    assert "Ce qui vient ensuite" in page.text
    assert "25/05/2026" in page.text
    assert "saison de la semaine" in page.text
    assert "Test a posteriori de nord" in page.text
    other = Page(client.get(address_of(forecast), {"series": "sud", "steps": "3"}))
    assert "27/05/2026" in other.text
    assert "28/05/2026" not in other.text
    version = Page(client.get(reverse("dashboard:version", args=[forecast.pk, 1])))
    assert "7 pas d" in version.text
    assert "Séries les moins bien prévues" in version.text
    assert "linéaire" in version.text


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"steps": "0"}, "de 1 à 400"),
        ({"steps": "beaucoup"}, "de 1 à 400"),
        ({"steps": "9" * 30}, "de 1 à 400"),
        ({"series": "est"}, "pas de série 'est'"),
    ],
)
def test_what_cannot_be_shown_is_said_in_words(asked, words, cast, forecast, browser):
    answer = browser(cast.viewer, "fr").get(address_of(forecast), asked)

    assert answer.status_code == 200
    assert words in Page(answer).text


def test_a_forecast_is_changed_and_trained_again_with_its_own_fields(cast, forecast, browser):
    client = browser(cast.trainer)

    train = client.get(reverse("dashboard:train", args=[forecast.pk]))
    batches = client.get(reverse("dashboard:batches", args=[forecast.pk]))
    tried = client.post(reverse("dashboard:try_model", args=[forecast.pk]), {})

    assert (train.status_code, batches.status_code, tried.status_code) == (200, 200, 404)


def test_on_a_telephone_a_chart_has_fewer_dates_that_neither_overlap_nor_are_cut():
    observed = [(place, 1_000_000.0 + place) for place in range(60)]
    marks = [(place, f"{place:02}/01/2026 08:30") for place in (12, 24, 36, 48)]
    forecast = [(60, 1e6, 1.1e6, 1.2e6)]

    drawn = time_chart(observed, [forecast], marks, title="Sales").split("<svg")[1:]

    charts = [Page(HttpResponse(f"<svg{one}")) for one in drawn]
    assert [chart.one("svg").get("class") for chart in charts] == ["chart plot wide", "chart plot narrow"]
    for chart, dates in zip(charts, (4, 2), strict=True):
        width = float(chart.one("svg").get("viewbox").split()[2])
        reach = 16 * 5.5 / 2  # of sixteen letters of ten pixels
        along = [float(text.get("x")) for text in chart.all("text") if text.text.endswith("08:30")]
        assert len(along) == dates
        assert along[0] - reach >= 0
        assert along[-1] + reach <= width
        assert min(right - left for left, right in pairwise(along)) > 2 * reach
