"""The form that starts a first training, and the page of a model: scores, try-it, why, promotion."""

import datetime as dt
import re

import pytest
from django.urls import reverse

from apps.predictions.models import PredictionLog
from apps.registry.actions import create_model
from apps.registry.models import Alias, RegisteredModel
from apps.registry.selectors import champion_of, version_folder
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from tests.dashboard.conftest import run, train, upload
from tests.dashboard.reading import Page
from tests.dashboard.test_new_model import NEW, address_of, start
from tests.journeys.tables import as_csv


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_of_a_model_says_how_good_it_is_and_of_what(cast, late_payers, browser, language):
    answer = browser(cast.viewer, language).get(address_of(late_payers))
    page = Page(answer)

    assert page.faults == []
    scores = answer.context["scores"]
    assert scores[0].is_main
    assert scores[0].code == "roc_auc"
    assert scores[0].trivial == pytest.approx(0.5)
    assert {"amount", "days", "sector"} <= {cell.text for cell in page.all("td")}
    drawn = [chart for chart in page.all("svg") if "plot" in chart.get("class")]
    assert len(drawn) == len(answer.context["drawings"]) >= 2
    assert "confusion" in {table.get("class") for table in page.all("table")}


def test_what_matters_stands_beside_the_scores_and_not_below_them(cast, late_payers, browser):
    client = browser(cast.viewer)
    version = reverse("dashboard:version", args=[late_payers.pk, 1])
    for address, before in ((reverse("dashboard:model", args=[late_payers.pk]), "Try it"), (version, "How it was made")):
        text = Page(client.get(address)).text

        assert text.index("On rows it never saw") < text.index(before) < text.index("What matters")


def test_the_try_it_form_is_made_of_the_schema_and_filled_with_a_row(cast, late_payers, browser):
    page = Page(browser(cast.viewer).get(address_of(late_payers)))

    fields = {e.get("name"): e for e in page.elements if e.get("name").startswith("row.")}
    assert set(fields) == {"row.amount", "row.days", "row.sector", "row.city", "row.since"}
    assert fields["row.since"].get("type") == "date"
    assert dt.date.fromisoformat(fields["row.since"].get("value"))
    known = {"retail", "building", "transport"}
    assert known <= {option.get("value") for option in page.all("option")}
    assert fields["row.sector"].get("value") in known


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_form_as_it_is_filled_gets_an_answer_with_reasons_and_a_log_entry(
    cast, late_payers, browser, prediction_log, language
):
    client = browser(cast.viewer, language)
    form = Page(client.get(address_of(late_payers)))
    row = {e.get("name"): e.get("value") for e in form.elements if e.get("name").startswith("row.")}

    answer = client.post(reverse("dashboard:try_model", args=[late_payers.pk]), row)

    page = Page(answer)
    assert (answer.status_code, page.faults) == (200, [])
    assert answer.context["value"] in {"yes", "no"}
    chances = answer.context["details"]["probabilities"]
    assert sum(chances.values()) == pytest.approx(1)
    assert max(chances, key=chances.get) == answer.context["value"]
    assert {part["name"] for part in answer.context["parts"]} <= {"amount", "days", "sector", "city", "since"}
    prediction_log.flush()
    entry = PredictionLog.objects.get()
    assert (entry.model, entry.version, entry.user) == (late_payers, champion_of(late_payers), cast.viewer)
    assert entry.rows == [
        {
            "amount": float(row["row.amount"].replace(",", ".")),
            "days": int(row["row.days"]),
            "sector": row["row.sector"],
            "city": row["row.city"] or None,
            "since": "-".join(reversed(row["row.since"].split("/"))),
        }
    ]


def test_the_page_and_the_api_give_the_same_answer(cast, late_payers, browser, api):
    row = {"amount": 9000.5, "days": 80, "sector": "building", "city": None, "since": "2020-02-29"}
    form = {f"row.{name}": "" if value is None else str(value) for name, value in row.items()}

    page = browser(cast.viewer).post(reverse("dashboard:try_model", args=[late_payers.pk]), form)
    machine = api(cast.viewer).post(f"/api/v1/models/{late_payers.pk}/predict/", {"data": [row]}).json()

    assert page.context["value"] == machine["predictions"][0]
    assert page.context["details"]["probabilities"] == pytest.approx(machine["details"][0]["probabilities"])


@pytest.mark.parametrize("written", ["9000,5", "9 000,5", "9\u202f000,5", " 9000.5 "])
def test_numbers_are_taken_as_people_write_them(cast, late_payers, browser, prediction_log, written):
    form = {"row.amount": written, "row.days": "80", "row.sector": "building", "row.city": "", "row.since": "2020-02-29"}

    browser(cast.viewer, "fr").post(reverse("dashboard:try_model", args=[late_payers.pk]), form)

    prediction_log.flush()
    assert PredictionLog.objects.get().rows[0]["amount"] == 9000.5


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("amount", "a lot"),
        ("days", "3.7.1"),
        ("since", "yesterday"),
        ("amount", "nan"),
        ("amount", "1e999"),
        ("days", "\x00"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(cast, late_payers, browser, column, written):
    form = {"row.amount": "5", "row.days": "80", "row.sector": "building", "row.city": "", "row.since": "2020-02-29"}

    answer = browser(cast.viewer).post(
        reverse("dashboard:try_model", args=[late_payers.pk]), {**form, f"row.{column}": written}
    )

    assert answer.status_code == 200
    assert [fault.startswith(column) or f"'{column}'" in fault for fault in answer.context["faults"]] == [True]
    assert "Row" not in Page(answer).text


@pytest.mark.parametrize(
    ("language", "column", "written", "said"),
    [
        ("fr", "since", "31/02/2026", "since attend une date telle que 31/01/2026, pas «\u00a031/02/2026\u00a0»."),
        ("fr", "since", "hier", "since attend une date telle que 31/01/2026, pas «\u00a0hier\u00a0»."),
        ("fr", "amount", "12 €", "amount attend un nombre, pas «\u00a012 €\u00a0»."),
        ("en", "since", "31/01/2026", "since takes a date such as 2026-01-31, not “31/01/2026”."),
        ("en", "days", "9" * 80 + "x", f"days takes a number, not “{'9' * 60}…”."),
    ],
)
def test_what_cannot_be_read_is_said_as_the_reader_would_write_it(
    cast, late_payers, browser, language, column, written, said
):
    form = {"row.amount": "5", "row.days": "80", "row.sector": "building", "row.city": "", "row.since": ""}
    address = reverse("dashboard:try_model", args=[late_payers.pk])

    answer = browser(cast.viewer, language).post(address, {**form, f"row.{column}": written})

    assert answer.context["faults"] == [said]


def test_an_unknown_category_is_answered_with_a_warning(cast, late_payers, browser):
    form = {"row.amount": "5", "row.days": "80", "row.sector": "<b>space</b>", "row.city": "", "row.since": "2020-02-29"}

    answer = browser(cast.viewer).post(reverse("dashboard:try_model", args=[late_payers.pk]), form)

    assert answer.context["details"]["warnings"]
    assert "<b>space</b>" in Page(answer).text


def test_a_regression_answers_with_an_interval_and_anomalies_with_a_score(cast, train_model, browser):
    days = train_model(name="Days", task="regression", target="days")
    odd = train_model(
        name="Odd",
        task="anomaly",
        target="",
        algorithm="isolation_forest",
        parameters={"n_estimators": 50, "alert_share": 0.05},
    )
    form = {"row.amount": "5", "row.days": "80", "row.sector": "building", "row.late": "no", "row.since": "2020-02-29"}

    for model in (days, odd):
        answer = browser(cast.viewer).get(address_of(model))
        assert (answer.status_code, Page(answer).faults) == (200, [])
    number = browser(cast.viewer).post(reverse("dashboard:try_model", args=[days.pk]), form)
    score = browser(cast.viewer).post(reverse("dashboard:try_model", args=[odd.pk]), form)

    low, high = number.context["details"]["interval"]
    assert low < number.context["value"] < high
    assert "90 %" in re.sub(r"\s", " ", Page(number).text)
    assert score.context["value"] in {-1, 1}
    assert "Score" in Page(score).text
    assert Page(score).one("p", class_="value").text not in {"1", "-1"}  # a person reads words


def test_training_again_makes_a_challenger_that_can_be_promoted_and_rolled_back(
    cast, late_payers, invoices_of_acme, browser
):
    client = browser(cast.approver)
    wanted = {"dataset": str(invoices_of_acme.dataset_id), "seed": "1"}
    sent = client.post(reverse("dashboard:train", args=[late_payers.pk]), wanted)
    campaign = TrainingCampaign.objects.get(status="pending")
    assert sent.url == reverse("dashboard:campaign", args=[campaign.pk])
    run(campaign)
    promote = reverse("dashboard:promote", args=[late_payers.pk, 2])

    assert "Challenger" in Page(client.get(address_of(late_payers))).text
    promoted = Page(client.post(promote, {"reason": "sharper"}, follow=True))
    again = Page(client.post(promote, follow=True))
    back = Page(client.post(reverse("dashboard:rollback", args=[late_payers.pk]), {"reason": "worse"}, follow=True))
    assert "Version 2 is live now." in promoted.text
    assert "already" in again.text
    assert "Version 1 is live again." in back.text
    assert champion_of(late_payers).number == 1
    history = (
        Alias.objects.filter(model=late_payers, name="champion").order_by("pk").values_list("version__number", flat=True)
    )
    assert list(history) == [1, 2, 1]


@pytest.mark.parametrize("reason", ["a\0b", "x" * 501])
def test_a_reason_that_the_api_refuses_is_refused_on_the_page(cast, late_payers, invoices_of_acme, browser, reason):
    train(late_payers, invoices_of_acme, seed=1)

    for action in (
        reverse("dashboard:promote", args=[late_payers.pk, 2]),
        reverse("dashboard:rollback", args=[late_payers.pk]),
    ):
        page = Page(browser(cast.owner).post(action, {"reason": reason}, follow=True))
        assert page.all("div", class_="note error")[0].text.startswith("reason: ")
    assert champion_of(late_payers).number == 1


def test_a_version_whose_files_were_changed_does_not_go_live(cast, late_payers, invoices_of_acme, browser):
    second = train(late_payers, invoices_of_acme, seed=1).version
    victim = next(path for path in (version_folder(second) / "predictor").iterdir())
    victim.chmod(0o644)
    victim.write_bytes(victim.read_bytes() + b"x")

    page = Page(browser(cast.owner).post(reverse("dashboard:promote", args=[late_payers.pk, 2]), follow=True))

    assert victim.name in page.text
    assert champion_of(late_payers).number == 1


def test_a_live_version_whose_files_are_damaged_says_what_to_do(cast, late_payers, browser):
    victim = next(path for path in (version_folder(champion_of(late_payers)) / "predictor").iterdir())
    victim.chmod(0o644)
    victim.write_bytes(b"")
    form = {"row.amount": "5", "row.days": "80", "row.sector": "building", "row.city": "", "row.since": "2020-02-29"}

    answer = browser(cast.viewer).post(reverse("dashboard:try_model", args=[late_payers.pk]), form)

    assert answer.status_code == 200
    assert "Roll the model back" in Page(answer).text


def test_a_model_of_hundreds_of_columns_can_be_made_and_tried(cast, browser):
    names = [f"c{i}" for i in range(300)]
    rows = [{name: (r * 7 + i) % 11 for i, name in enumerate(names)} | {"late": "yes" if r % 2 else "no"} for r in range(60)]
    version = upload(cast.acme, as_csv(rows), name="Wide")
    client = browser(cast.trainer)
    assert client.post(NEW, start(version, left_out=names[:250])).status_code == 302
    wide = RegisteredModel.objects.get()
    assert len(wide.features) == 50
    model = client.post(NEW, start(version, name="All columns"))
    assert model.status_code == 302
    campaign = run(TrainingCampaign.objects.get(model__name="All columns"))
    assert campaign.status == "completed", campaign.error

    form = {f"row.{name}": "3" for name in names}
    answer = client.post(reverse("dashboard:try_model", args=[campaign.model_id]), form)

    assert answer.status_code == 200
    assert answer.context["value"] in {"yes", "no"}


def test_hostile_names_and_labels_stay_words(cast, browser):
    rows = [
        {"<i>x</i>": r % 17, "__proto__": r % 5, "answer": "<script>1</script>" if r % 2 else "{{ no }}"} for r in range(80)
    ]
    version = upload(cast.acme, as_csv(rows), name="Hostile")
    client = browser(cast.owner)
    sent = client.post(NEW, start(version, target="answer", name='"><script>alert(1)</script>', description="<img src=x>"))
    assert sent.status_code == 302
    campaign = run(TrainingCampaign.objects.get())
    assert campaign.status == "completed", campaign.error
    model = campaign.model

    for address in (address_of(model), sent.url, reverse("dashboard:home"), reverse("dashboard:campaigns")):
        answer = client.get(address)
        page = Page(answer)
        assert (answer.status_code, page.faults) == (200, []), address
        assert model.name in page.text
        assert not page.all("img")
        assert all(script.get("src") or script.get("type") == "application/json" for script in page.all("script"))
    answer = client.post(reverse("dashboard:try_model", args=[model.pk]), {"row.<i>x</i>": "3", "row.__proto__": "1"})
    assert answer.context["value"] in {"<script>1</script>", "{{ no }}"}
    assert answer.context["value"] in Page(answer).text
    assert not Page(answer).all("script")


def test_of_many_columns_what_matters_most_can_be_tried_first_and_all_are_sent(cast, browser):
    rows = [
        {**{f"c{n}": (i * (n + 3)) % 37 for n in range(30)}, "late": "yes" if i * 32 % 37 > 18 else "no"} for i in range(90)
    ]
    given = {"algorithm": "random_forest", "task": "classification", "target": "late", "parameters": {"n_estimators": 20}}
    model = create_model(workspace=cast.acme, actor=SYSTEM, name="Wide", **given)
    assert train(model, upload(cast.acme, as_csv(rows), name="Wide")).status == "completed"

    answer = browser(cast.viewer).get(reverse("dashboard:model", args=[model.pk]))

    page, strongest = Page(answer), answer.context["ranked"][0]["name"]
    assert (len(answer.context["fields"]), len(answer.context["more_fields"])) == (24, 6)
    assert answer.context["fields"][0]["name"] == strongest
    assert {field.get("name") for field in page.all("input") if field.get("name").startswith("row.")} == {
        f"row.c{n}" for n in range(30)
    }
    assert "Columns that matter less: 6" in page.all("summary")[-1].text


def test_groups_are_found_shown_and_asked_for(cast, browser):
    rows = [
        {"x": f"{(i % 2) * 9 + (i * 37 % 100) / 100:.2f}", "y": f"{(i * 61 % 100) / 100:.2f}", "kind": "ab"[i % 2]}
        for i in range(200)
    ]
    version = upload(cast.acme, as_csv(rows), name="Two heaps")
    client = browser(cast.trainer)
    given = {"dataset": str(version.dataset_id), "task": "clustering", "algorithm": "dbscan", "labels": "kind", "start": "1"}

    assert client.post(NEW, given).status_code == 302

    model = RegisteredModel.objects.get()
    done = run(TrainingCampaign.objects.get())
    assert (done.error, model.target) == ("", "kind")
    assert done.version.metrics["adjusted_rand"] == 1.0
    assert done.version.metrics["clusters"] == 2
    page = Page(client.get(address_of(model)))
    assert page.faults == []
    assert {"group of-0", "group of-1"} <= {dot.get("class") for dot in page.all("circle")}
    assert "which agrees with the labels by about 0." in page.text
    near = Page(client.post(reverse("dashboard:try_model", args=[model.pk]), {"row.x": "9.5", "row.y": "0.5"}))
    far = Page(client.post(reverse("dashboard:try_model", args=[model.pk]), {"row.x": "100", "row.y": "0.5"}))
    assert re.search(r"Group [01]", near.text)
    assert "In no group" in far.text
