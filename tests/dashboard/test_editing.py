"""The form that makes a model and the one that changes it: nothing hidden is used, nothing typed is lost, nothing is left behind."""

import pytest
from django.urls import reverse

from apps.registry.models import RegisteredModel
from apps.training import lifecycle
from apps.training.models import TrainingCampaign
from apps.workspaces.models import Membership
from tests.dashboard.conftest import run, upload
from tests.dashboard.reading import Page
from tests.dashboard.test_new_model import NEW, start
from tests.factories import make_campaign, make_model
from tests.journeys.tables import as_csv, invoices


def edit(model: RegisteredModel) -> str:
    return reverse("dashboard:edit_model", args=[model.pk])


def failed(model: RegisteredModel, version, error: str = "Nothing to tell apart.") -> TrainingCampaign:
    """Let a training fail, as its run does."""
    campaign = make_campaign(model, dataset_version=version, parameters={"n_estimators": 30})
    claim = lifecycle.claim(campaign.pk, {})
    assert claim is not None
    assert lifecycle.fail(campaign.pk, claim.token, reason=error)
    campaign.refresh_from_db()
    return campaign


def selected(page: Page, name: str) -> str:
    """Return the value that a select shows."""
    inside, found, first = False, None, None
    for element in page.elements:
        if element.tag == "select":
            inside = element.get("name") == name
        elif element.tag == "option" and inside:
            first = element.get("value") if first is None else first
            found = element.get("value") if "selected" in element.attributes else found
    return found if found is not None else first or ""


def checked(page: Page, name: str) -> list[str]:
    return [box.get("value") for box in page.all("input", name_=name) if "checked" in box.attributes]


def test_anomalies_are_not_judged_by_a_target_that_nobody_asked_for(cast, invoices_of_acme, browser):
    """The target's field is hidden for anomalies; what it held before must not be used."""
    client = browser(cast.trainer)
    given = start(invoices_of_acme, task="anomaly", algorithm="isolation_forest", target="late")

    assert client.post(NEW, given).status_code == 302
    assert client.post(NEW, {**given, "name": "Judged", "labels": "late"}).status_code == 302

    assert dict(RegisteredModel.objects.values_list("name", "target")) == {"Late payers": "", "Judged": "late"}
    unjudged = run(TrainingCampaign.objects.get(model__name="Late payers"))
    assert "roc_auc" not in unjudged.version.metrics
    assert "late" in {column["name"] for column in unjudged.version.schema["columns"]}
    judged = run(TrainingCampaign.objects.get(model__name="Judged"))
    assert "roc_auc" in judged.version.metrics


def test_nothing_is_preselected_that_decides_what_is_predicted(cast, invoices_of_acme, browser):
    page = Page(browser(cast.trainer).get(NEW, {"dataset": str(invoices_of_acme.dataset_id)}))

    assert (selected(page, "target"), selected(page, "labels")) == ("", "")
    sent = browser(cast.trainer).post(NEW, start(invoices_of_acme, target=selected(page, "target")))
    assert sent.status_code == 422
    assert page.one("section", data_for="anomaly clustering").text.startswith("Known labels")


def test_another_data_set_keeps_what_was_typed(cast, invoices_of_acme, browser):
    other = upload(cast.acme, as_csv(invoices(60, seed=3)), name="Other invoices")
    given = start(other, name="My name", description="Mine", task="regression", target="days", left_out=["city"], start=None)

    answer = browser(cast.trainer).post(NEW, given)

    page = Page(answer)
    assert answer.status_code == 200
    assert not page.all("div", role="alert")
    assert selected(page, "dataset") == str(other.dataset_id)
    assert page.one("input", name_="name").get("value") == "My name"
    assert page.one("input", name_="description").get("value") == "Mine"
    assert checked(page, "task") == ["regression"]
    assert checked(page, "algorithm") == ["random_forest"]
    assert checked(page, "left_out") == ["city"]
    assert selected(page, "target") == "days"
    assert page.one("input", name_="random_forest.n_estimators").get("value") == "20"
    assert not RegisteredModel.objects.exists()


def test_a_name_nobody_typed_follows_the_data_set(cast, invoices_of_acme, browser):
    assert browser(cast.trainer).post(NEW, start(invoices_of_acme, name="")).status_code == 302

    assert RegisteredModel.objects.get().name == "Model of Invoices"


def test_a_fault_is_said_beside_its_field_in_its_words(cast, invoices_of_acme, browser):
    given = start(invoices_of_acme, left_out=["city"], **{"random_forest.n_estimators": "1"})

    page = Page(browser(cast.trainer).post(NEW, given))

    field = page.one("label", id="field-random_forest.n_estimators")
    assert "between 10 and 2000" in field.text
    assert page.one("input", name_="random_forest.n_estimators").get("aria-invalid") == "true"
    assert page.one("input", name_="random_forest.max_depth").get("aria-invalid") == ""
    assert "open" in page.one("details", id="advanced").attributes
    said = page.one("div", role="alert").text
    assert "Trees" in said
    assert "n_estimators" not in said
    assert checked(page, "left_out") == ["city"]


def test_what_is_folded_away_stays_so_when_nothing_in_it_is_wrong(cast, invoices_of_acme, browser):
    page = Page(browser(cast.trainer).post(NEW, start(invoices_of_acme, target="")))

    assert "open" not in page.one("details", id="advanced").attributes
    assert "the column to predict" in page.one("label", id="field-target").text


def test_all_faults_are_said_at_once(cast, invoices_of_acme, browser):
    make_model(cast.acme, name="Taken")
    given = start(invoices_of_acme, name="Taken", target="latte", **{"random_forest.n_estimators": "1"})

    page = Page(browser(cast.trainer).post(NEW, given))

    assert "already" in page.one("label", id="field-name").text
    assert "'latte'" in page.one("label", id="field-target").text
    assert "between" in page.one("label", id="field-random_forest.n_estimators").text


def test_leaving_the_target_out_is_harmless_and_said(cast, invoices_of_acme, browser):
    client = browser(cast.trainer)

    page = Page(client.post(NEW, start(invoices_of_acme, left_out=["late"]), follow=True))

    assert "late is what is predicted" in page.text
    assert RegisteredModel.objects.get().features == []


@pytest.mark.parametrize("target", ["sector", "since"])
def test_a_target_that_cannot_be_learned_leaves_no_model(cast, invoices_of_acme, browser, target):
    answer = browser(cast.trainer).post(NEW, start(invoices_of_acme, task="regression", target=target))

    page = Page(answer)
    assert answer.status_code == 422
    assert target in page.one("label", id="field-target").text
    assert not RegisteredModel.objects.exists()
    assert not TrainingCampaign.objects.exists()


def test_a_start_that_is_refused_last_leaves_no_model(cast, invoices_of_acme, browser, settings):
    settings.TRAINING_MAX_QUEUED = 0

    answer = browser(cast.trainer).post(NEW, start(invoices_of_acme))

    assert answer.status_code == 422
    assert "waiting" in Page(answer).one("div", role="alert").text
    assert not RegisteredModel.objects.exists()


def test_a_data_set_that_is_not_there_is_not_replaced_by_another(cast, invoices_of_acme, browser):
    given = start(invoices_of_acme, dataset="00000000-0000-0000-0000-000000000001")

    answer = browser(cast.trainer).post(NEW, given)

    assert answer.status_code == 422
    assert "data set" in Page(answer).one("div", role="alert").text
    assert not RegisteredModel.objects.exists()


def test_a_model_is_made_where_its_data_set_is(cast, invoices_of_acme, browser):
    """Another tab may have switched the workspace since the form was opened."""
    Membership.objects.create(workspace=cast.rival, user=cast.trainer, role="owner")
    client = browser(cast.trainer)
    client.get(reverse("dashboard:home"), {"workspace": str(cast.rival.pk)})

    assert client.post(NEW, start(invoices_of_acme)).status_code == 302

    assert RegisteredModel.objects.get().workspace == cast.acme


def test_a_failed_first_training_says_why_and_can_be_changed_and_tried_again(cast, invoices_of_acme, browser):
    model = make_model(cast.acme, target="sector", task="regression", features=["amount", "days"], description="Mine")
    campaign = failed(model, invoices_of_acme)
    client = browser(cast.trainer)
    address = reverse("dashboard:model", args=[model.pk])

    for place in (address, reverse("dashboard:campaign", args=[campaign.pk])):
        page = Page(client.get(place))
        assert "Nothing to tell apart." in page.text
        assert edit(model) in page.links
        assert edit(model) not in Page(browser(cast.viewer).get(place)).links
    form = Page(client.get(edit(model)))
    assert form.faults == []
    assert form.one("input", name_="name").get("value") == model.name
    assert form.one("input", name_="description").get("value") == "Mine"
    assert (selected(form, "target"), checked(form, "task")) == ("sector", ["regression"])
    assert sorted(checked(form, "left_out")) == ["city", "late", "since"]
    assert form.one("input", name_="random_forest.n_estimators").get("value") == "30"

    sent = client.post(edit(model), start(invoices_of_acme, name="Now by class", left_out=["city"]))

    again = TrainingCampaign.objects.get(status="pending")
    assert sent.url == reverse("dashboard:campaign", args=[again.pk])
    model = RegisteredModel.objects.get()
    assert (again.model, model.name, model.task, model.target) == (model, "Now by class", "classification", "late")
    assert sorted(model.features) == ["amount", "days", "sector", "since"]
    assert run(again).error == ""
    assert "The last training failed" not in Page(client.get(address)).text


def test_a_change_that_cannot_start_changes_nothing(cast, invoices_of_acme, browser, settings):
    settings.TRAINING_MAX_QUEUED = 0
    model = make_model(cast.acme, name="As it was", target="late")
    failed(model, invoices_of_acme)

    answer = browser(cast.trainer).post(edit(model), start(invoices_of_acme, name="Other"))

    assert answer.status_code == 422
    model.refresh_from_db()
    assert (model.name, model.target) == ("As it was", "late")


def test_what_trains_is_not_changed_under_it(cast, invoices_of_acme, browser):
    model = make_model(cast.acme, name="As it was", target="late")
    make_campaign(model, dataset_version=invoices_of_acme)

    answer = browser(cast.trainer).post(edit(model), start(invoices_of_acme, target="sector"))

    assert answer.status_code == 422
    model.refresh_from_db()
    assert model.target == "late"


def test_a_model_with_versions_keeps_what_they_were_made_for(cast, late_payers, invoices_of_acme, browser):
    client = browser(cast.trainer)
    make_model(cast.acme, name="Taken")

    page = Page(client.get(edit(late_payers)))
    refused = client.post(edit(late_payers), {"name": "Taken"})
    done = client.post(edit(late_payers), {"name": "Payers", "description": "New words", "target": "sector", "start": "1"})

    assert not page.all("select", name_="target")
    assert (refused.status_code, "Taken" in Page(refused).text) == (422, True)
    assert done.status_code == 302
    late_payers.refresh_from_db()
    assert (late_payers.name, late_payers.description, late_payers.target) == ("Payers", "New words", "late")


@pytest.mark.parametrize(("who", "status"), [("annotator", 403), ("stranger", 404)])
def test_only_who_may_train_changes_a_model(cast, invoices_of_acme, browser, who, status):
    model = make_model(cast.acme, name="As it was", target="late")

    client = browser(getattr(cast, who))

    assert client.get(edit(model)).status_code == status
    assert client.post(edit(model), start(invoices_of_acme, name="Other")).status_code == status
    model.refresh_from_db()
    assert model.name == "As it was"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_forms_are_whole_in_both_languages(cast, late_payers, invoices_of_acme, browser, language):
    untrained = make_model(cast.acme, name="Untrained", target="late")
    train_failed = failed(untrained, invoices_of_acme)

    for address in (NEW, edit(untrained), edit(late_payers), reverse("dashboard:campaign", args=[train_failed.pk])):
        page = Page(browser(cast.trainer, language).get(address))
        assert page.faults == []
        assert ("Change and try again" in page.text) == (language == "en" and address not in {NEW, edit(late_payers)})


def test_which_rows_are_kept_apart_and_when_it_is_due_can_be_said(cast, invoices_of_acme, browser):
    client, named = browser(cast.trainer), {"By city": {"group_column": "city"}, "By time": {"time_column": "since"}}

    for name, chosen in named.items():
        given = start(invoices_of_acme, name=name, left_out=["amount"], retrain_every_days="30", **chosen)
        assert client.post(NEW, given).status_code == 302

    grouped, timed = (RegisteredModel.objects.get(name=name) for name in named)
    assert (grouped.group_column, grouped.time_column, grouped.retrain_every_days) == ("city", "", 30)
    assert (timed.group_column, timed.time_column, timed.retrain_every_days) == ("", "since", 30)
    assert set(grouped.features) == {"days", "sector", "since"}
    for model, method in ((grouped, "grouped"), (timed, "time")):
        version = run(TrainingCampaign.objects.get(model=model)).version
        assert version.evaluation["split"]["method"] == method
        assert {column["name"] for column in version.schema["columns"]} == set(model.features)


def test_a_model_that_failed_shows_its_groups_and_leaves_no_more_columns_out_than_were(cast, invoices_of_acme, browser):
    model = make_model(
        cast.acme, target="late", group_column="city", features=["days", "since", "amount"], retrain_every_days=9
    )
    failed(model, invoices_of_acme)

    page = Page(browser(cast.trainer).get(edit(model)))

    assert (selected(page, "group_column"), selected(page, "time_column")) == ("city", "")
    assert page.one("input", name_="retrain_every_days").get("value") == "9"
    assert checked(page, "left_out") == ["sector"]
    assert "open" in page.one("details", id="advanced").attributes


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"group_column": "nobody"}, "There is no column"),
        ({"group_column": "city", "time_column": "since"}, "not by both"),
        ({"group_column": "late"}, "is what is predicted"),
        ({"time_column": "city"}, "holds text"),
        ({"retrain_every_days": "0"}, "greater than or equal to 1"),
        ({"retrain_every_days": "soon"}, "valid integer"),
    ],
)
def test_what_cannot_keep_rows_apart_is_said_beside_its_field(wrong, said, cast, invoices_of_acme, browser):
    answer = browser(cast.trainer).post(NEW, start(invoices_of_acme, **wrong))

    assert answer.status_code == 422
    assert said in Page(answer).one("label", id=f"field-{next(iter(wrong))}").text
    assert not RegisteredModel.objects.exists()


def test_a_reminder_can_be_changed_once_there_is_a_version(cast, late_payers, browser):
    client, given = browser(cast.trainer), {"name": late_payers.name, "description": ""}

    refused = client.post(edit(late_payers), {**given, "retrain_every_days": "0"})
    assert client.post(edit(late_payers), {**given, "retrain_every_days": "14"}).status_code == 302

    late_payers.refresh_from_db()
    assert (refused.status_code, late_payers.retrain_every_days) == (422, 14)
    client.post(edit(late_payers), {**given, "retrain_every_days": ""})
    late_payers.refresh_from_db()
    assert late_payers.retrain_every_days is None


def test_a_column_is_offered_for_the_tasks_that_the_api_takes_it_for(cast, browser):
    rows = [
        {"who": f"p{i}", "paid": i % 2 == 0, "same": 1, "when": f"2024-01-{i % 28 + 1:02}", "n": i * 1.5}
        for i in range(1_200)
    ]
    version = upload(cast.acme, as_csv(rows), name="Paid")

    page = Page(browser(cast.trainer).get(NEW, {"dataset": str(version.dataset_id)}))

    tasks = {o.get("value"): o.get("data-tasks") for o in page.all("option") if "data-tasks" in o.attributes}
    assert tasks == {"who": "", "paid": "classification regression", "same": "", "when": "", "n": "regression forecast"}
    few = upload(cast.acme, as_csv(rows[:400]), name="Few")
    page = Page(browser(cast.trainer).get(NEW, {"dataset": str(few.dataset_id)}))
    assert {o.get("value"): o.get("data-tasks") for o in page.all("option") if "data-tasks" in o.attributes} == tasks
    for column, offered in tasks.items():
        for task in ("classification", "regression"):
            given = start(version, name=f"{column} {task}", task=task, target=column)
            answer = browser(cast.trainer).post(NEW, given)
            assert (answer.status_code == 302) == (task in offered), (column, task)


def test_data_sets_of_one_name_can_be_told_apart(cast, invoices_of_acme, browser):
    other = upload(cast.acme, as_csv(invoices(60, seed=3)), name="Invoices")

    page = Page(browser(cast.trainer).get(NEW))

    shown = [
        o.text for o in page.all("option") if o.get("value") in {str(other.dataset_id), str(invoices_of_acme.dataset_id)}
    ]
    assert len(set(shown)) == 2
    assert "60 rows" in shown[0]


def test_a_column_left_out_beside_a_group_is_not_learned_from(cast, browser):
    rows = [{"late": "yn"[i % 2], "city": f"c{i % 9}", "amount": i} for i in range(90)]
    version = upload(cast.acme, as_csv(rows), name="Two columns")

    answer = browser(cast.trainer).post(NEW, start(version, group_column="city", left_out=["amount"]))

    assert answer.status_code == 422
    assert "Every column is left out" in Page(answer).text
    assert not RegisteredModel.objects.exists()


def test_a_name_from_before_names_were_plain_hinders_no_other_change(cast, late_payers, browser):
    RegisteredModel.objects.filter(pk=late_payers.pk).update(name="old\u202ename")
    given = {"name": "old\u202ename", "description": "New words", "retrain_every_days": ""}

    assert browser(cast.trainer).post(edit(late_payers), given).status_code == 302

    late_payers.refresh_from_db()
    assert late_payers.description == "New words"


def test_layers_that_no_number_can_hold_are_refused_by_name(cast, invoices_of_acme, browser):
    answer = browser(cast.trainer).post(
        NEW, start(invoices_of_acme, algorithm="lstm", task="forecast", **{"lstm.hidden_layers": "9" * 5_000})
    )

    assert answer.status_code == 422
