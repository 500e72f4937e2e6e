"""Who reaches which page, and who may do what from it: the API's rules, page by page."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.core.permissions import Role
from apps.registry.models import Alias, ModelVersion
from apps.training.models import TrainingCampaign
from tests.dashboard.conftest import as_file, train
from tests.dashboard.reading import Page
from tests.factories import make_campaign, make_dataset_version, make_model

OF_WORKSPACE = ("home", "datasets", "models", "campaigns", "settings")
ORDER = list(Role.values)


def url(name: str, *args: Any) -> str:
    return reverse(f"dashboard:{name}", args=args)


@pytest.fixture
def things(cast):
    """Rows of acme without files: enough to see who gets how far."""
    model = make_model(cast.acme)
    facts = {"missing": 0, "distinct": 2, "min": None, "max": None}
    columns = [{"name": "x", "dtype": "number", **facts}, {"name": "label", "dtype": "category", **facts}]
    version = make_dataset_version(cast.acme, columns=columns)
    campaign = make_campaign(model, dataset_version=version)
    return {"model": model, "dataset": version.dataset, "campaign": campaign, "version": version}


def pages_of(things) -> list[str]:
    return [url(kind, things[kind].pk) for kind in ("model", "dataset", "campaign")]


def writes_of(things) -> list[tuple[str, dict[str, Any], str]]:
    """Each write from a page: where, what, and the lowest role that may."""
    model, campaign = things["model"].pk, things["campaign"].pk
    workspace = str(things["dataset"].workspace_id)
    start = {
        "start": "1",
        "dataset": str(things["dataset"].pk),
        "algorithm": "random_forest",
        "name": "New",
        "target": "label",
    }
    return [
        (url("upload"), {"workspace": workspace, "file": as_file(b"a,b\n1,2\n"), "name": "New"}, Role.TRAINER),
        (url("new_version", things["dataset"].pk), {"file": as_file(b"a,b\n1,2\n")}, Role.TRAINER),
        (url("new_model"), {**start, "task": "classification"}, Role.TRAINER),
        (url("train", model), {"dataset": str(things["dataset"].pk)}, Role.TRAINER),
        (url("cancel_campaign", campaign), {}, Role.TRAINER),
        (url("promote", model, 1), {"reason": "better"}, Role.APPROVER),
        (url("rollback", model), {"reason": "worse"}, Role.APPROVER),
    ]


def test_whoever_is_not_signed_in_is_asked_to_and_comes_back(things, browser):
    for address in [*(url(name) for name in OF_WORKSPACE), url("new_model"), *pages_of(things)]:
        answer = browser().get(address)
        assert answer.status_code == 302, address
        assert answer.url == f"{url('sign_in')}?next={address}"


@pytest.mark.parametrize("role", ORDER)
def test_every_member_reads_every_page(cast, things, browser, role):
    client = browser(getattr(cast, role))

    for address in [*(url(name) for name in OF_WORKSPACE), *pages_of(things)]:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert Page(answer).faults == [], address


@pytest.mark.parametrize("who", ["stranger", "nobody"])
def test_what_belongs_to_others_is_not_there(cast, things, browser, who):
    client = browser(getattr(cast, who))

    assert [client.get(address).status_code for address in pages_of(things)] == [404, 404, 404]
    for address, given, _role in writes_of(things):
        if address not in {url("upload"), url("new_model")}:
            assert client.post(address, given).status_code == 404, address
    assert client.post(url("try_model", things["model"].pk), {}).status_code == 404
    things["campaign"].refresh_from_db()
    assert (things["campaign"].status, TrainingCampaign.objects.count()) == ("pending", 1)


def test_pages_of_a_workspace_show_nothing_of_another(cast, things, browser):
    client = browser(cast.stranger)

    for name in OF_WORKSPACE:
        text = Page(client.get(url(name), {"workspace": str(cast.acme.pk)})).text
        assert things["model"].name not in text
        assert things["dataset"].name not in text
        assert "viewer-of-acme" not in text


def test_a_user_of_no_workspace_finds_words_not_an_error(cast, browser):
    client = browser(cast.nobody)

    answers = {name: client.get(url(name)) for name in OF_WORKSPACE}

    assert answers["home"].status_code == 200
    assert all(answer.status_code == 200 or answer.url == url("home") for answer in answers.values())
    assert client.post(url("upload"), {"file": as_file(b"a\n1\n")}).status_code == 404


@pytest.mark.parametrize("role", ORDER)
def test_a_role_writes_what_it_may_and_no_more(cast, things, browser, role):
    client = browser(getattr(cast, role))

    for address, given, lowest in writes_of(things):
        status = client.post(address, given).status_code
        if ORDER.index(role) < ORDER.index(lowest):
            assert status == 403, address
        else:
            assert status in {302, 404, 422}, address  # version 1 is not there to be promoted


def test_a_refused_write_changes_nothing(cast, things, browser):
    client = browser(cast.annotator)

    for address, given, _lowest in writes_of(things):
        assert client.post(address, given).status_code == 403

    things["campaign"].refresh_from_db()
    assert things["campaign"].status == "pending"
    assert TrainingCampaign.objects.count() == 1
    assert cast.acme.datasets.count() == 1
    assert cast.acme.registered_models.count() == 1


def test_pages_offer_only_what_the_role_may_do(cast, things, browser):
    offers = {
        url("datasets"): (url("upload"), Role.TRAINER),
        url("campaign", things["campaign"].pk): (url("cancel_campaign", things["campaign"].pk), Role.TRAINER),
    }
    for role in ORDER:
        for address, (target, lowest) in offers.items():
            offered = target in Page(browser(getattr(cast, role)).get(address)).posts_to
            assert offered == (ORDER.index(role) >= ORDER.index(lowest)), (role, address)


def test_promotion_is_offered_from_approver_up_and_works(cast, late_payers, invoices_of_acme, browser):
    train(late_payers, invoices_of_acme, seed=1)
    address, promote = url("model", late_payers.pk), url("promote", late_payers.pk, 2)

    assert promote not in Page(browser(cast.trainer).get(address)).posts_to
    assert promote in Page(browser(cast.approver).get(address)).posts_to
    answer = browser(cast.approver).post(promote, {"reason": "sharper"})

    assert (answer.status_code, answer.url) == (302, address)
    live = Alias.objects.get(model=late_payers, name="champion", until=None)
    assert (live.version.number, live.reason, live.set_by) == (2, "sharper", cast.approver)


def test_what_a_page_offers_follows_the_role_in_the_object_s_workspace(cast, things, browser):
    """An owner elsewhere who only reads acme must not be offered acme's buttons, whichever workspace is in view."""
    from apps.workspaces.models import Membership

    Membership.objects.create(workspace=cast.acme, user=cast.stranger, role=Role.VIEWER)
    client = browser(cast.stranger)
    client.get(url("home"), {"workspace": str(cast.rival.pk)})

    page = Page(client.get(url("campaign", things["campaign"].pk)))

    assert url("cancel_campaign", things["campaign"].pk) not in page.posts_to


def test_writes_need_a_post_and_the_token_of_the_page(cast, things):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner)

    for address, given, _lowest in writes_of(things):
        assert client.post(address, given).status_code == 403, address
        if address not in {url("new_model"), url("train", things["model"].pk)}:
            assert client.get(address).status_code == 302, address  # to the page above
    things["campaign"].refresh_from_db()
    assert things["campaign"].status == "pending"


def test_an_archived_model_is_gone_from_the_lists(cast, things, browser):
    from apps.registry.actions import archive_model
    from apps.workspaces.access import Actor

    archive_model(model=things["model"], actor=Actor(user_id=cast.owner.pk))

    assert browser(cast.owner).get(url("model", things["model"].pk)).status_code == 200  # what stays of it
    assert browser(cast.stranger).get(url("model", things["model"].pk)).status_code == 404
    assert things["model"].name not in Page(browser(cast.owner).get(url("models"))).text


def test_an_id_that_exists_nowhere_is_a_page_of_words(cast, browser):
    client = browser(cast.owner)

    for kind in ("model", "dataset", "campaign"):
        answer = client.get(url(kind, uuid.uuid4()))
        assert answer.status_code == 404
        assert answer["Content-Type"].startswith("text/html")
    assert client.get("/models/not-an-id/").status_code == 404


def test_sign_in_takes_the_right_password_only_and_sign_out_ends_it(cast, browser):
    client = browser()
    form = {"username": "owner-of-acme", "password": "wrong"}

    refused = client.post(url("sign_in"), form)
    assert refused.status_code == 200
    assert Page(refused).faults == []
    assert "_auth_user_id" not in client.session
    entered = client.post(url("sign_in"), {**form, "password": "correct horse"})
    assert (entered.status_code, entered.url) == (302, url("home"))
    assert client.post(url("sign_out")).status_code == 302
    assert client.get(url("home")).status_code == 302


def test_guessing_passwords_is_slowed_down_with_the_api_s_own_count(cast, browser, api):
    form = {"username": "owner-of-acme", "password": "wrong"}

    statuses = [browser().post(url("sign_in"), form).status_code for _ in range(8)]
    at_the_api = [api().post("/api/v1/auth/token/", form).status_code for _ in range(2)]
    refused = browser().post(url("sign_in"), {**form, "password": "correct horse"})

    assert statuses == [200] * 8
    assert at_the_api == [401] * 2
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 60
    assert "Too many attempts" in Page(refused).text
    other = {"username": "viewer-of-acme", "password": "correct horse"}
    assert browser().post(url("sign_in"), other).status_code == 302


def test_sign_in_leads_nowhere_outside(cast, browser):
    form = {"username": "owner-of-acme", "password": "correct horse", "next": "https://evil.example/"}

    assert browser().post(url("sign_in"), form).url == url("home")


def test_nobody_trains_on_another_workspace_s_data(cast, things, browser):
    theirs = make_dataset_version(cast.rival, name="secret ledger")
    client = browser(cast.trainer)

    answer = client.post(url("train", things["model"].pk), {"dataset": str(theirs.dataset_id)})
    form = client.get(url("new_model"), {"dataset": str(theirs.dataset_id)})

    assert answer.status_code == 422
    assert "secret ledger" not in Page(form).text
    assert TrainingCampaign.objects.count() == 1
    assert not ModelVersion.objects.exists()
