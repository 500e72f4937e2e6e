"""The page of privacy: owners set how long things are kept, count what there is of a person, and erase it by typing the id again."""

import pytest
from django.urls import reverse

from apps.privacy.models import RetentionPolicy, SubjectRequest
from tests.dashboard.reading import Page
from tests.privacy.conftest import NOTE, PERSON, found_in, traces, work  # noqa: F401  (a fixture)


def address(workspace):
    return reverse("dashboard:privacy", args=[workspace.pk])


def test_a_person_is_counted_and_erased_and_the_version_says_so(cast, browser, traces):  # noqa: F811
    client = browser(cast.owner, "fr")
    client.post(address(cast.acme), {"what": "count", "subject": PERSON})
    count = work(SubjectRequest.objects.get())
    counted = Page(client.get(address(cast.acme)))

    unconfirmed = client.post(
        address(cast.acme), {"what": "erase", "subject": "somebody-else", "counted": count.pk}, follow=True
    )
    client.post(address(cast.acme), {"what": "erase", "subject": PERSON, "counted": count.pk})
    work(SubjectRequest.objects.get(kind="erase"))
    after = Page(client.get(address(cast.acme)))
    version = Page(client.get(reverse("dashboard:version", args=[traces.model.pk, 1])))
    card = Page(browser(cast.viewer, "en").get(reverse("dashboard:version_card", args=[traces.model.pk, 1])))

    assert (counted.faults, after.faults, version.faults) == ([], [], [])
    assert "Lignes de jeux de données · 4" in counted.text.replace("\u00a0", " ")
    assert "Tapez encore" in counted.text
    assert "identifiant qui a été compté" in Page(unconfirmed).text
    assert "Certificat" in after.text
    assert "Elle a appris de 4 lignes effacées depuis." in version.text
    assert "train the model again" in card.text
    assert found_in(PERSON, NOTE) == {PERSON: [], NOTE: []}


@pytest.mark.parametrize(("given", "kept"), [({"sample_days": "90"}, 90), ({}, None)])
def test_days_are_set(given, kept, cast, browser):
    client = browser(cast.owner, "en")

    answer = client.post(address(cast.acme), {"what": "retention", **given}, follow=True)

    assert RetentionPolicy.objects.get(workspace=cast.acme).sample_days == kept
    assert "The days were set." in Page(answer).text


@pytest.mark.parametrize("given", [{"sample_days": "999"}, {"feedback_days": "0"}, {"prediction_days": "many"}])
def test_days_that_are_none_are_refused_in_words(given, cast, browser):
    client = browser(cast.owner, "fr")

    answer = client.post(address(cast.acme), {"what": "retention", **given}, follow=True)

    assert Page(answer).faults == []
    assert not RetentionPolicy.objects.exists()
    assert "Les durées sont réglées." not in Page(answer).text


def test_it_is_for_owners(cast, browser):
    codes = [browser(user).get(address(cast.acme)).status_code for user in (cast.approver, cast.stranger, cast.owner)]

    assert codes == [403, 404, 200]
    assert "Vie privée et conservation" in Page(browser(cast.owner, "fr").get(reverse("dashboard:settings"))).text
    assert "Vie privée et conservation" not in Page(browser(cast.viewer, "fr").get(reverse("dashboard:settings"))).text
