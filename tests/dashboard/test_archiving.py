"""Models and data sets that are put away, and refused uploads that are removed."""

import pytest
from django.urls import reverse

from apps.datasets.models import Dataset, DatasetVersion
from apps.registry.actions import archive_model
from apps.workspaces.access import SYSTEM
from apps.workspaces.models import AuditEntry
from tests.dashboard.conftest import as_file, checked, upload
from tests.dashboard.reading import Page
from tests.factories import make_campaign, make_dataset_version
from tests.journeys.tables import as_csv, invoices

REFUSED = b"a,b\n1,2\n3\n"


def url(name: str, *args) -> str:
    return reverse(f"dashboard:{name}", args=args)


def test_an_owner_archives_a_model_and_its_page_stays_to_be_read(cast, late_payers, invoices_of_acme, browser, api):
    waiting = make_campaign(late_payers, dataset_version=invoices_of_acme)
    owner, viewer = browser(cast.owner), browser(cast.viewer)
    address = url("model", late_payers.pk)
    offered = Page(owner.get(address))
    form = next(form for form in offered.all("form") if form.get("action") == url("archive_model", late_payers.pk))
    assert form.get("data-confirm")
    assert url("archive_model", late_payers.pk) not in Page(viewer.get(address)).posts_to

    after = Page(owner.post(url("archive_model", late_payers.pk), follow=True))

    waiting.refresh_from_db()
    assert waiting.status == "cancelled"
    assert "Late payers is archived." in after.text
    page = Page(viewer.get(address))
    assert page.faults == []
    assert "Archived" in page.one("h1").text
    assert "v1" in {cell.text for cell in page.all("td")}
    assert not {place for place in page.posts_to if str(late_payers.pk) in place}
    assert late_payers.name not in {cell.text for cell in Page(viewer.get(url("models"))).all("td")}
    assert address in Page(viewer.get(url("models"), {"archived": ""})).links
    assert viewer.post(url("try_model", late_payers.pk), {}).status_code == 404
    assert browser(cast.stranger).get(address).status_code == 404
    assert api(cast.viewer).post(f"/api/v1/models/{late_payers.pk}/predict/", {"data": [{}]}).status_code == 404


def test_an_owner_archives_a_data_set_whose_page_stays_to_be_read(cast, late_payers, invoices_of_acme, browser):
    owner, viewer = browser(cast.owner), browser(cast.viewer)
    dataset = invoices_of_acme.dataset
    address = url("dataset", dataset.pk)
    assert url("archive_dataset", dataset.pk) in Page(owner.get(address)).posts_to

    after = Page(owner.post(url("archive_dataset", dataset.pk), follow=True))

    assert "Invoices is archived." in after.text
    assert address not in Page(viewer.get(url("datasets"))).links
    assert address in Page(viewer.get(url("datasets"), {"archived": ""})).links
    page = Page(owner.get(address))
    assert page.faults == []
    assert "Archived" in page.one("h1").text
    assert not {place for place in page.posts_to | page.links if str(dataset.pk) in place}
    assert "no data set to learn from" in Page(owner.get(url("new_model"))).text
    assert browser(cast.stranger).get(address).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "trainer", "approver"])
def test_only_an_owner_archives(cast, late_payers, invoices_of_acme, browser, role):
    client = browser(getattr(cast, role))

    assert client.post(url("archive_model", late_payers.pk)).status_code == 403
    assert client.post(url("archive_dataset", invoices_of_acme.dataset_id)).status_code == 403

    late_payers.refresh_from_db()
    assert late_payers.archived_at is None
    assert Dataset.objects.filter(archived_at=None).exists()


def test_a_refused_file_can_be_sent_again_or_removed(cast, browser):
    version = upload(cast.acme, REFUSED, name="Broken")
    assert version.status == "refused"
    trainer = browser(cast.trainer)
    page = Page(trainer.get(url("dataset", version.dataset_id)))
    assert url("datasets") in page.links
    assert "Upload again" in page.text
    assert (
        url("discard_upload", version.dataset_id)
        not in Page(browser(cast.viewer).get(url("dataset", version.dataset_id))).posts_to
    )

    after = trainer.post(url("discard_upload", version.dataset_id), follow=True)

    assert after.redirect_chain[-1][0] == url("datasets")
    assert not Dataset.objects.exists()
    assert AuditEntry.objects.filter(verb="dataset.discard").count() == 1


def test_a_refused_version_goes_and_the_one_before_stays(cast, invoices_of_acme, browser):
    from apps.datasets.actions import register_upload

    dataset = invoices_of_acme.dataset
    second = checked(register_upload(workspace=cast.acme, dataset=dataset, upload=as_file(REFUSED), actor=SYSTEM))
    assert (second.number, second.status) == (2, "refused")

    after = browser(cast.trainer).post(url("discard_upload", dataset.pk), follow=True)

    assert after.redirect_chain[-1][0] == url("dataset", dataset.pk)
    assert list(DatasetVersion.objects.values_list("number", "status")) == [(1, "ready")]


def test_what_was_accepted_cannot_be_removed(cast, invoices_of_acme, browser):
    page = Page(browser(cast.owner).post(url("discard_upload", invoices_of_acme.dataset_id), follow=True))

    assert "Only an upload that was refused" in page.text
    assert DatasetVersion.objects.get().status == "ready"


@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_who_may_not_train_removes_nothing(cast, browser, who):
    version = make_dataset_version(cast.acme, status="refused")

    assert browser(getattr(cast, who)).post(url("discard_upload", version.dataset_id)).status_code in {403, 404}

    assert DatasetVersion.objects.exists()


def test_archived_things_are_said_in_french(cast, late_payers, browser):
    client = browser(cast.owner, "fr")
    upload(cast.acme, as_csv(invoices(60, seed=9)), name="Autres")
    client.post(url("archive_model", late_payers.pk))

    assert "Archivé" in Page(client.get(url("model", late_payers.pk))).one("h1").text
    assert "Archiver le jeu de données" in Page(client.get(url("dataset", Dataset.objects.get(name="Autres").pk))).text


def test_a_campaign_of_an_archived_model_is_listed_as_such(cast, late_payers, browser):
    archive_model(model=late_payers, actor=SYSTEM)

    row = next(row for row in Page(browser(cast.viewer).get(url("campaigns"))).all("tr") if "Late payers" in row.text)

    assert "Archived" in row.text
