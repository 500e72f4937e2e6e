"""Uploads through the page, and what the page then says of a file."""

from pathlib import Path

import pytest
from django.urls import reverse

from apps.datasets.models import Dataset
from apps.workspaces.models import AuditEntry, Membership
from tests.dashboard.conftest import as_file, checked, upload
from tests.dashboard.reading import Page
from tests.journeys.tables import as_csv, as_french_csv, invoices

DATASETS, UPLOAD = reverse("dashboard:datasets"), reverse("dashboard:upload")


def address_of(version) -> str:
    return reverse("dashboard:dataset", args=[version.dataset_id])


def test_an_uploaded_file_is_read_and_shown(cast, browser):
    client = browser(cast.trainer)

    sent = client.post(
        UPLOAD, {"workspace": str(cast.acme.pk), "file": as_file(as_csv(invoices(120))), "name": "Spring invoices"}
    )

    dataset = Dataset.objects.get()
    assert (sent.status_code, sent.url) == (302, reverse("dashboard:dataset", args=[dataset.pk]))
    assert (dataset.name, dataset.workspace, dataset.created_by) == ("Spring invoices", cast.acme, cast.trainer)
    assert AuditEntry.objects.filter(verb="dataset.upload", user=cast.trainer).count() == 1
    waiting = Page(client.get(sent.url))
    assert "The file is being read" in waiting.text
    checked(dataset.versions.get())
    page = Page(client.get(sent.url))
    assert page.faults == []
    assert {"Spring invoices", "120", "utf-8"} <= {element.text.lower() for element in page.elements} | {"Spring invoices"}
    assert f"{reverse('dashboard:new_model')}?dataset={dataset.pk}" in page.links
    for column in ("amount", "days", "sector", "city", "since", "late"):
        assert column in page.text
    assert "The file is being read" not in page.text


def test_a_french_file_shows_how_it_was_read(cast, browser):
    version = upload(cast.acme, as_french_csv(invoices(80)), file="factures été.csv")

    page = Page(browser(cast.viewer).get(address_of(version)))

    assert "factures été.csv" in page.text
    assert "Montant HT" in page.text
    assert version.reading["encoding"] in page.text


def test_a_refused_file_names_the_rows_at_fault(cast, browser):
    version = upload(cast.acme, b"a,b\n1,2\n1,2,3\n4,5\n6,7,8,9\n")

    page = Page(browser(cast.viewer).get(address_of(version)))

    assert version.status == "refused"
    assert page.faults == []
    for problem in version.problems:
        assert problem["detail"] in page.text
        assert str(problem["row"]) in {cell.text for cell in page.all("td")}
    assert not any("new" in link and str(version.dataset_id) in link for link in page.links)


@pytest.mark.parametrize("given", [{}, {"file": as_file(b"")}])
def test_no_file_or_an_empty_one_is_said_in_words(cast, browser, given):
    answer = browser(cast.trainer).post(UPLOAD, {"workspace": str(cast.acme.pk), **given})

    assert answer.status_code == 422
    assert "file" in answer.context["fault"]
    assert answer.context["fault"] in Page(answer).text
    assert not Dataset.objects.exists()


def test_a_file_over_the_limit_is_refused_and_leaves_nothing(cast, browser, settings, tmp_path):
    settings.UPLOAD_MAX_BYTES = 1000

    answer = browser(cast.trainer).post(
        UPLOAD, {"workspace": str(cast.acme.pk), "file": as_file(b"a,b\n" + b"1,2\n" * 1000)}
    )

    assert answer.status_code == 413
    assert "larger than" in Page(answer).text
    assert not Dataset.objects.exists()
    assert not [path for path in (tmp_path / "datasets").rglob("*") if path.is_file()]


def test_a_name_that_is_only_a_path_or_controls_is_harmless(cast, browser):
    sent = browser(cast.trainer).post(
        UPLOAD, {"workspace": str(cast.acme.pk), "file": as_file(b"a,b\n1,2\n", "../../etc/pass\u202ewd.csv")}
    )

    version = checked(Dataset.objects.get().versions.get())
    assert "\u202e" not in version.original_name
    assert "/" not in version.original_name
    assert browser(cast.viewer).get(sent.url).status_code == 200


def test_hostile_columns_and_cells_stay_words(cast, browser):
    header = '"<script>alert(1)</script>",__proto__,"a ""quoted"" name",constructor\n'
    rows = "".join(f'"<img src=x onerror=alert({i})>",{i},"\' onmouseover=\'x",{{{{ 7|add:7 }}}}\n' for i in range(40))
    version = upload(cast.acme, (header + rows).encode(), name="<b>bold</b>", file='"><svg onload=x>.csv')

    for address in (address_of(version), DATASETS):
        answer = browser(cast.trainer).get(address)
        page = Page(answer)
        assert answer.status_code == 200
        assert page.faults == []
        assert "<b>bold</b>" in page.text
        assert not [e for e in page.elements if any(name.startswith("on") for name in e.attributes)]
        assert all(script.get("src") or script.get("type") == "application/json" for script in page.all("script"))
    page = Page(browser(cast.trainer).get(address_of(version)))
    for name in ("<script>alert(1)</script>", "__proto__", 'a "quoted" name', "constructor", "<img src=x onerror=alert(0)>"):
        assert name in page.text
    form = browser(cast.trainer).get(reverse("dashboard:new_model"), {"dataset": str(version.dataset_id)})
    options = [option.get("value") for option in Page(form).all("option")]
    assert {"<script>alert(1)</script>", "__proto__", 'a "quoted" name', "constructor"} <= set(options)


def test_extreme_numbers_and_dates_do_not_break_the_page(cast, browser):
    rows = "".join(
        f"{value},{-1e-300},{day},\n" for value, day in [(1e300, "0001-01-01"), (-1e300, "9999-12-31"), (0, "")] * 4
    )
    version = upload(cast.acme, ("huge,tiny,day,empty\n" + rows).encode())

    for language in ("en", "fr"):
        answer = browser(cast.viewer, language).get(address_of(version))
        page = Page(answer)
        assert answer.status_code == 200
        assert max(len(word) for word in page.text.split()) < 70  # no number of 300 digits


def test_many_columns_are_shown_without_a_query_each(cast, browser, django_assert_max_num_queries):
    names = ",".join(f"c{i}" for i in range(400))
    row = ",".join(str(i) for i in range(400))
    version = upload(cast.acme, "\n".join([names, *[row] * 30]).encode())

    client = browser(cast.viewer)
    with django_assert_max_num_queries(13):
        assert client.get(address_of(version)).status_code == 200


@pytest.mark.parametrize(("language", "words"), [("en", "This was not taken"), ("fr", "a pas été pris")])
def test_a_form_with_a_file_over_the_cap_is_a_page_of_words_and_leaves_nothing(cast, browser, settings, language, words):
    settings.UPLOAD_MAX_BYTES = 1_000

    answer = browser(cast.trainer, language).post(
        UPLOAD, {"workspace": str(cast.acme.pk), "file": as_file(b"a,b\n" + b"1,2\n" * 1_000)}
    )

    page = Page(answer)
    assert (answer.status_code, page.faults) == (413, [])
    assert words in page.text
    assert not Dataset.objects.exists()
    assert [path for path in Path(settings.DATASETS_DIR).rglob("*") if path.is_file()] == []


def test_a_file_whose_extension_is_longer_than_a_file_system_takes_is_read(cast, browser):
    answer = browser(cast.trainer).post(
        UPLOAD, {"workspace": str(cast.acme.pk), "file": as_file(b"a,b\n1,2\n", "a." + "x" * 400)}
    )

    assert answer.status_code == 302


@pytest.mark.parametrize("name", ["a\0b", "x" * 201])
def test_a_name_that_the_api_refuses_is_refused_on_the_page_in_words(cast, browser, name):
    answer = browser(cast.trainer).post(
        UPLOAD, {"workspace": str(cast.acme.pk), "file": as_file(b"a,b\n1,2\n"), "name": name}
    )

    assert answer.status_code == 422
    assert Page(answer).one("div", role="alert").text.startswith("name: ")
    assert not Dataset.objects.exists()


def test_the_upload_lands_in_the_workspace_its_page_was_opened_in(cast, browser):
    """Another tab has turned to the other workspace since."""
    Membership.objects.create(workspace=cast.rival, user=cast.trainer, role="trainer")
    client = browser(cast.trainer)
    form = Page(client.get(DATASETS, {"workspace": str(cast.acme.pk)}))
    meant = next(field for field in form.all("input", name_="workspace") if field.get("type") == "hidden").get("value")
    client.get(reverse("dashboard:home"), {"workspace": str(cast.rival.pk)})

    client.post(UPLOAD, {"workspace": meant, "file": as_file(b"a,b\n1,2\n")})

    assert Dataset.objects.get().workspace == cast.acme


@pytest.mark.parametrize("meant", ["", "nonsense", "00000000-0000-0000-0000-000000000000", "rival"])
def test_an_upload_to_no_workspace_of_ones_own_is_a_404(cast, browser, meant):
    given = {"workspace": str(cast.rival.pk) if meant == "rival" else meant, "file": as_file(b"a,b\n1,2\n")}

    assert browser(cast.trainer).post(UPLOAD, given).status_code == 404
    assert not Dataset.objects.exists()


def test_cells_stand_under_their_columns_however_the_database_orders_keys(cast, browser):
    version = upload(cast.acme, b"longest name,b,aa\n1,2,3\n4,5,6\n")
    version.preview = [dict(sorted(row.items(), key=lambda item: (len(item[0]), item[0]))) for row in version.preview]
    version.save()

    page = browser(cast.viewer).get(address_of(version))

    assert page.context["names"] == ["longest name", "b", "aa"]
    assert page.context["preview"] == [[1, 2, 3], [4, 5, 6]]


def test_a_new_version_is_uploaded_from_the_page_of_its_data_set(cast, browser):
    first = upload(cast.acme, b"a,b\n1,2\n3,4\n")
    address, client = address_of(first), browser(cast.trainer)
    form = next(f for f in Page(client.get(address)).all("form") if f.get("enctype") == "multipart/form-data")

    sent = client.post(form.get("action"), {"file": as_file(b"a,b\n5,6\n", "second.csv")})

    second = first.dataset.versions.get(number=2)
    assert (sent.status_code, sent.url, second.created_by) == (302, address, cast.trainer)
    waiting = Page(client.get(address))
    assert "models learn from version 1" in waiting.text
    checked(second)
    page = Page(client.get(address))
    assert page.faults == []
    assert "second.csv" in page.text
    assert "models learn from version 1" not in page.text
    older = Page(client.get(address, {"version": "1"}))
    assert "This is an older version." in older.text
    assert "Download" not in older.text
    assert client.get(address, {"version": "3"}).status_code == 404
    assert client.get(address, {"version": "9" * 5000}).status_code == 404


def test_a_refused_version_leaves_the_one_before_in_use_and_says_so(cast, browser):
    first = upload(cast.acme, b"a,b\n1,2\n3,4\n")
    client = browser(cast.trainer)
    client.post(reverse("dashboard:new_version", args=[first.dataset_id]), {"file": as_file(b"a,b\n1,2,3\n")})
    checked(first.dataset.versions.get(number=2))

    page = Page(client.get(address_of(first)))

    assert "The file was refused" in page.text
    assert "models learn from version 1" in page.text
    assert "?version=1" in page.links


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("annotator", 403), ("stranger", 404), ("nobody", 404)])
def test_only_trainers_upload_a_new_version(cast, browser, who, status):
    version = upload(cast.acme, b"a,b\n1,2\n")
    address = reverse("dashboard:new_version", args=[version.dataset_id])

    assert browser(getattr(cast, who)).post(address, {"file": as_file(b"a,b\n1,2\n")}).status_code == status

    assert version.dataset.versions.count() == 1
    if who in {"viewer", "annotator"}:
        assert address not in Page(browser(getattr(cast, who)).get(address_of(version))).posts_to


def test_a_new_version_that_cannot_be_taken_says_so_on_the_page(cast, browser, settings):
    version = upload(cast.acme, b"a,b\n1,2\n")
    client, address = browser(cast.trainer), reverse("dashboard:new_version", args=[version.dataset_id])

    missing = Page(client.post(address, {}, follow=True))
    empty = Page(client.post(address, {"file": as_file(b"")}, follow=True))

    assert "Choose a file first." in missing.text
    assert "The file is empty." in empty.text
    assert version.dataset.versions.count() == 1


def test_two_files_dropped_at_once_are_refused_in_words(cast, browser):
    files = [as_file(b"a,b\n1,2\n", name) for name in ("one.csv", "two.csv")]

    answer = browser(cast.trainer, "fr").post(UPLOAD, {"workspace": str(cast.acme.pk), "file": files})

    assert answer.status_code == 422
    assert "un fichier à la fois" in Page(answer).text
    assert not Dataset.objects.exists()


def test_whose_data_a_row_is_is_said_on_the_page_of_the_data_set(cast, browser, invoices_of_acme):
    dataset = invoices_of_acme.dataset
    page_of = reverse("dashboard:dataset", args=[dataset.pk])
    say = reverse("dashboard:subject_column", args=[dataset.pk])
    client, column = browser(cast.trainer, "fr"), invoices_of_acme.columns[0]["name"]
    form = Page(client.get(page_of))
    assert form.faults == []
    offered = [one.get("value") for one in form.all("option")]
    assert {column["name"] for column in invoices_of_acme.columns} <= set(offered)

    assert client.post(say, {"subject_column": column}).status_code == 302
    dataset.refresh_from_db()
    assert dataset.subject_column == column
    assert f"<b>{column}</b>" in browser(cast.viewer, "fr").get(page_of).content.decode()
    assert "n\u2019a pas de colonne" in Page(client.post(say, {"subject_column": "nothing"}, follow=True)).text
    assert client.post(say, {}).status_code == 302
    dataset.refresh_from_db()
    assert dataset.subject_column == column
    client.post(say, {"subject_column": ""})
    dataset.refresh_from_db()
    assert dataset.subject_column == ""
    assert browser(cast.viewer, "fr").post(say, {"subject_column": column}).status_code == 403
