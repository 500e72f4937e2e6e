"""The page of alerts and channels: who sees what, and what is never shown again."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.alerts import sending
from apps.alerts.actions import acknowledge, end_alerts, raise_alert
from apps.alerts.models import Channel, Delivery
from apps.workspaces.access import SYSTEM
from tests.alerts.conftest import channel_to, receiver  # noqa: F401  (fixtures)
from tests.dashboard.reading import Page

ALERTS = reverse("dashboard:alerts")
URL = "https://hooks.slack.com/services/T0/B0/zq-url-secret"
FORM = {
    "kind": "slack", "name": "Ops", "address": URL, "kinds": ["drift", "disk"], "least_severity": "warning", "quiet_from": "22:00",
    "quiet_until": "07:00", "time_zone": "Europe/Paris", "budget": "20", "enabled": "1",
}  # fmt: skip


def address(name: str, row) -> str:
    return reverse(f"dashboard:{name}", args=[row.pk])


@pytest.fixture
def failed(cast):
    return raise_alert(
        workspace_id=cast.acme.pk, kind="training_failed", key="t", title="The training of Late payers failed.",
        sentence="The worker that ran this training died. It was tried 3 times.",
    )  # fmt: skip


def test_without_any_it_says_that_all_is_well(cast, browser):
    page = Page(browser(cast.viewer).get(ALERTS))

    assert page.faults == []
    assert "Nothing is open" in page.text
    assert "Channels" not in page.text
    assert page.one("a", href=ALERTS, aria_current="page").text == "Alerts"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["The training of Late payers failed.", "died. It was tried 3 times.", "Warning", "The disk of the platform is"]),
        ("fr", ["L\u2019entraînement de Late payers a échoué.", "est mort.", "Avertissement", "Le disque de la plateforme", "calme de 22:00"]),
    ],
)  # fmt: skip
def test_open_ones_are_listed_and_counted_in_the_navigation(language, words, cast, failed, browser, channel_to):  # noqa: F811
    raise_alert(workspace_id=cast.acme.pk, kind="disk", key="d", title="The disk of the platform is nearly full.")
    raise_alert(workspace_id=cast.acme.pk, kind="training_completed", key="c", title="The training of m is completed.")
    raise_alert(workspace_id=cast.rival.pk, kind="drift", key="d", title="Theirs.")
    end_alerts(keys=["d"])
    channel_to("slack", URL, quiet_from="22:00", quiet_until="07:00")

    page = Page(browser(cast.owner, language).get(ALERTS))

    assert page.faults == []
    assert all(word in page.text.replace("\u00a0", " ") for word in words), page.text
    assert "Theirs." not in page.text
    (link,) = [one for one in page.all("a", href=ALERTS) if one.text.startswith("Alert")]
    assert link.text.endswith(" 2"), "one for information asks for nothing"
    assert "zq-url-secret" not in browser(cast.owner, language).get(ALERTS).content.decode()


def test_the_count_costs_no_query_of_its_own(cast, failed, browser):
    client = browser(cast.viewer)
    client.get(reverse("dashboard:campaigns"))
    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("dashboard:campaigns"))

    asked = [query["sql"] for query in queries.captured_queries if "alerts_alert" in query["sql"]]
    assert len(asked) == 1
    assert "workspaces_workspace" in asked[0]


def test_an_annotator_acknowledges_and_a_viewer_does_not(cast, failed, browser):
    place = address("acknowledge_alert", failed)
    assert place not in Page(browser(cast.viewer).get(ALERTS)).posts_to
    assert browser(cast.viewer).post(place).status_code == 403
    client = browser(cast.annotator)
    assert place in Page(client.get(ALERTS)).posts_to

    assert client.post(place).status_code == 302

    assert "Nothing is open" in Page(client.get(ALERTS)).text
    seen_to = Page(client.get(f"{ALERTS}?acknowledged=1"))
    assert cast.annotator.username in seen_to.text
    assert "The training of Late payers failed." in seen_to.text


def test_an_alert_that_the_platform_acknowledged_has_nobody_s_name(cast, failed, browser):
    acknowledge(alert=failed, actor=SYSTEM)

    assert Page(browser(cast.viewer).get(f"{ALERTS}?acknowledged=1")).faults == []


def test_an_owner_makes_a_channel_changes_it_and_takes_it_away(cast, browser):
    client = browser(cast.owner)
    made = client.post(reverse("dashboard:new_channel"), {**FORM, "workspace": str(cast.acme.pk)}, follow=True)
    channel = Channel.objects.get()
    assert "The channel is made." in Page(made).text
    assert (channel.address, channel.kinds, channel.budget, channel.created_by) == (URL, ["drift", "disk"], 20, cast.owner)
    place = address("edit_channel", channel)

    form = Page(client.get(place))
    assert form.faults == []
    assert form.one("input", name_="address").get("value") == ""
    assert form.one("input", name_="quiet_from").get("value") == "22:00"
    assert {box.get("value") for box in form.all("input", name_="kinds") if "checked" in box.attributes} == {"drift", "disk"}
    changed = {
        **FORM,
        "address": "",
        "name": "Night",
        "quiet_from": "",
        "quiet_until": "",
        "kinds": [c for c, _ in Channel.Kind.choices],
    }
    changed["kinds"] = ["training_failed"]
    del changed["enabled"]
    assert client.post(place, changed).status_code == 302
    channel.refresh_from_db()
    assert (channel.address, channel.name, channel.quiet_from, channel.enabled) == (URL, "Night", None, False)
    assert "off" in Page(client.get(ALERTS)).text

    assert client.post(address("delete_channel", channel)).status_code == 302
    assert not Channel.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"address": "http://127.0.0.1/x"}, "address", "réseau privé"),
        ({"address": ""}, "address", ""),
        ({"kinds": []}, "kinds", "Choisissez-en au moins un."),
        ({"quiet_until": ""}, "quiet_until", "un début et une fin"),
        ({"time_zone": "Mars"}, "time_zone", "fuseau horaire"),
        ({"budget": "0"}, "budget", ""),
        ({"kind": "email", "address": "nobody"}, "address", "courriel"),
        ({"secret": "x"}, "secret", "Seuls les webhooks"),
        ({"kind": "zzz"}, "kind", ""),
    ],
)
def test_a_fault_stands_beside_its_field_and_what_was_written_stays(fields, field, words, cast, browser):
    given = {**FORM, "workspace": str(cast.acme.pk), **fields}

    answer = browser(cast.owner, "fr").post(reverse("dashboard:new_channel"), given)

    page = Page(answer)
    assert (answer.status_code, page.faults) == (422, [])
    assert f"#field-{field}" in page.links
    assert words in page.text
    assert page.one("input", name_="name").get("value") == "Ops"
    assert "zq-url-secret" not in answer.content.decode()
    assert not Channel.objects.exists()


def test_a_webhook_s_secret_is_made_anew_and_shown_once(cast, browser, channel_to):  # noqa: F811
    channel = channel_to("webhook", "https://example.org/zq-url-secret")
    client, before = browser(cast.owner), channel.secret
    assert "whsec_" not in client.get(address("edit_channel", channel)).content.decode()

    shown = Page(client.post(address("channel_secret", channel)))

    channel.refresh_from_db()
    assert channel.secret != before
    assert shown.one("pre", id_="secret").text == channel.secret
    assert "whsec_" not in client.get(address("edit_channel", channel)).content.decode()


def test_a_test_is_sent_and_its_result_stands_beside_the_channel(cast, browser, channel_to, receiver):  # noqa: F811
    channel = channel_to("slack", receiver.url())
    client = browser(cast.owner, "fr")
    receiver.statuses = [404]
    assert client.post(address("try_channel", channel)).status_code == 302
    assert "Un essai est en route." in Page(client.get(ALERTS)).text

    sending.dispatch()

    assert Delivery.objects.get().status == "failed"
    assert "Le serveur l\u2019a refusé avec le statut 404." in Page(client.get(ALERTS)).text


def test_only_owners_get_to_channels(cast, browser, channel_to):  # noqa: F811
    channel = channel_to("slack", URL)

    for user, status in ((cast.approver, 403), (cast.stranger, 404)):
        client = browser(user)
        for name in ("edit_channel", "channel_secret", "try_channel", "delete_channel"):
            assert client.post(address(name, channel), FORM).status_code == status, name
        assert client.get(address("edit_channel", channel)).status_code == status
        assert client.post(reverse("dashboard:new_channel"), {**FORM, "workspace": str(cast.acme.pk)}).status_code == status
    assert Channel.objects.get().name == channel.name
