"""Alerts and channels over HTTP: what is secret goes in and never comes out."""

from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from apps.alerts import sending
from apps.alerts.actions import MOST_CHANNELS, end_alerts, raise_alert
from apps.alerts.models import Alert, Channel
from apps.workspaces.models import AuditEntry

ALERTS, CHANNELS = "/api/v1/alerts/", "/api/v1/channels/"
URL = "https://hooks.slack.com/services/T0/B0/zq-url-secret"
_numbers = count()


def raised(cast, workspace=None, **fields: Any) -> Alert:
    given = {"kind": "drift", "key": f"k{next(_numbers)}", "title": "The data of m drift.", **fields}
    return raise_alert(workspace_id=(workspace or cast.acme).pk, **given)


def slack(cast, **fields: Any) -> dict[str, Any]:
    return {"workspace": str(cast.acme.pk), "kind": "slack", "name": "Ops", "address": URL, **fields}


def test_a_list_is_filtered_and_shows_what_is_one_s_own(cast, api):
    model = uuid4()
    first = raised(cast, model_id=model, model_name="m")
    second = raised(cast, kind="disk")
    raised(cast, workspace=cast.rival)
    client = api(cast.annotator)
    client.post(f"{ALERTS}{first.pk}/acknowledge/")

    def found(query: str = "") -> list[str]:
        return [one["id"] for one in client.get(f"{ALERTS}?{query}").json()["results"]]

    assert set(found()) == {str(first.pk), str(second.pk)}
    for query in (f"model={model}", "kind=drift", "acknowledged=true", "severity=warning"):
        assert found(query) == [str(first.pk)], query
    for query in ("kind=disk", "acknowledged=false", f"workspace={cast.acme.pk}&severity=critical"):
        assert found(query) == [str(second.pk)], query
    assert client.get(f"{ALERTS}?kind=zzz").status_code == 422


def test_acknowledging_is_done_once_and_noted(cast, api):
    alert = raised(cast)

    answers = [api(user).post(f"{ALERTS}{alert.pk}/acknowledge/") for user in (cast.annotator, cast.owner)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.json()["acknowledged_by"] for answer in answers} == {cast.annotator.username}
    assert AuditEntry.objects.filter(verb="alert.acknowledge").count() == 1
    assert api(cast.viewer).post(f"{ALERTS}{alert.pk}/acknowledge/").status_code == 403
    assert api(cast.stranger).post(f"{ALERTS}{alert.pk}/acknowledge/").status_code == 404


def test_what_is_over_says_since_when(cast, api):
    alert = raised(cast, key="d")
    end_alerts(keys=["d"], workspace_id=cast.acme.pk)

    assert api(cast.viewer).get(f"{ALERTS}{alert.pk}/").json()["ended_at"] is not None


def test_a_channel_is_made_and_its_address_is_never_shown_again(cast, api):
    client = api(cast.owner)

    made = client.post(CHANNELS, slack(cast, quiet_from="22:00", quiet_until="07:00", kinds=["disk", "drift", "disk"]))

    assert made.status_code == 201, made.content
    told = made.json()
    assert told["sent_to"] == "https://hooks.slack.com/…"
    assert (told["secret"], told["kinds"], told["time_zone"], told["budget"]) == ("", ["drift", "disk"], "Europe/Paris", 50)
    assert (told["least_severity"], told["enabled"], told["last_delivery"]) == ("warning", True, None)
    seen = [client.get(CHANNELS), client.get(made["Location"]), client.patch(made["Location"], {"name": "x"}), made]
    assert not [answer for answer in seen if "zq-url-secret" in answer.content.decode()]
    assert "zq-url-secret" not in str(list(AuditEntry.objects.values("verb", "details")))
    assert Channel.objects.get().address == URL


def test_a_webhook_s_secret_is_made_and_shown_once(cast, api):
    client = api(cast.owner)
    hook = slack(cast, kind="webhook", address="https://example.org/hook")
    once = {"Idempotency-Key": "one"}

    made = client.post(CHANNELS, hook, headers=once).json()
    again = client.post(CHANNELS, hook, headers=once)
    place = f"{CHANNELS}{made['id']}/"
    other = client.patch(place, {"secret": ""}).json()["secret"]
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    given = client.patch(place, {"secret": own}).json()["secret"]

    assert made["secret"].startswith("whsec_")
    assert again.status_code == 409
    assert Channel.objects.count() == 1
    assert other.startswith("whsec_")
    assert other != made["secret"]
    assert given == ""
    assert Channel.objects.get().secret == own
    assert "whsec_" not in client.get(place).content.decode()


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"address": "http://127.0.0.1/x"}, "/address", "private network"),
        ({"address": "https://169.254.169.254/latest"}, "/address", "private network"),
        ({"address": "https://2130706433/"}, "/address", "no server"),
        ({"address": "https://[::ffff:10.0.0.1]/"}, "/address", "private network"),
        ({"address": "https://example.org:6379/"}, "/address", "port 6379"),
        ({"address": "http://hooks.slack.com/x"}, "/address", "https://"),
        ({"address": "ftp://example.org/"}, "/address", "https://"),
        ({"address": "nobody"}, "/address", "https://"),
        ({"kind": "email", "address": "nobody"}, "/address", "no e-mail address"),
        ({"kind": "email", "address": "a@b.org\r\nBcc: c@d.org"}, "/address", "no e-mail address"),
        ({"kind": "email", "address": "a@b.org,c@d.org"}, "/address", "no e-mail address"),
        ({"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "/secret", "Only webhooks"),
        ({"kind": "webhook", "secret": "short"}, "/secret", "whsec_"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone", "no such time zone"),
        ({"quiet_from": "22:00"}, "/quiet_until", "beginning and an end"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "/quiet_until", "another time"),
        ({"kinds": ["zzz"]}, "/kinds/0", "zzz"),
        ({"budget": 0}, "/budget", "1"),
        ({"least_severity": "zzz"}, "/least_severity", "zzz"),
        ({"kind": "pigeon"}, "/kind", "pigeon"),
        ({"url": "x"}, "/url", "url"),
        ({"name": "a\nb"}, "/name", "one line"),
    ],
)
def test_what_cannot_be_is_refused_by_field(fields, pointer, words, cast, api):
    answer = api(cast.owner).post(CHANNELS, slack(cast, **fields))

    assert answer.status_code == 422, answer.content
    told = [fault for fault in answer.json()["errors"] if fault["pointer"] == pointer]
    assert told, answer.json()
    assert words in told[0]["detail"]
    assert not Channel.objects.exists()


def test_a_change_is_checked_like_a_new_one(cast, api, channel_to):
    channel = channel_to("slack", URL)
    place, client = f"{CHANNELS}{channel.pk}/", api(cast.owner)

    for fields in (
        {"address": "http://localhost:22/"},
        {"kind": "email"},
        {"workspace": str(cast.rival.pk)},
        {"quiet_from": "1:00"},
    ):
        answer = client.patch(place, fields)
        kept = Channel.objects.get()
        assert (kept.address, kept.kind, kept.workspace) == (URL, "slack", cast.acme)
        assert answer.status_code == 422 or not {"address", "quiet_from"} & set(fields), fields
    assert (
        client.patch(place, {"address": "https://example.org/y", "quiet_from": "1:00", "quiet_until": "2:00"}).status_code
        == 200
    )
    assert client.patch(place, {"quiet_from": None, "quiet_until": None}).json()["quiet_from"] is None


def test_only_owners_manage_channels(cast, api, channel_to):
    place = f"{CHANNELS}{channel_to('slack', URL).pk}/"

    for user, status in ((cast.approver, 403), (cast.stranger, 404)):
        client = api(user)
        asked = [
            client.post(CHANNELS, slack(cast)),
            client.patch(place, {}),
            client.post(f"{place}test/"),
            client.delete(place),
        ]
        assert [answer.status_code for answer in asked] == [status] * 4
    assert api(cast.viewer).get(place).status_code == 200
    assert api(cast.stranger).get(CHANNELS).json()["count"] == 0
    assert api(cast.owner).delete(place).status_code == 204
    assert not Channel.objects.exists()


def test_there_is_an_end_to_channels(cast, api, channel_to):
    Channel.objects.bulk_create(
        Channel(workspace=cast.acme, kind="slack", name="x", address=URL, time_zone="UTC") for _ in range(MOST_CHANNELS)
    )

    assert api(cast.owner).post(CHANNELS, slack(cast)).status_code == 409


def test_a_test_is_queued_and_its_result_stands_on_the_channel(cast, api, channel_to, receiver):
    place, client = f"{CHANNELS}{channel_to('slack', receiver.url()).pk}/", api(cast.owner)

    asked = client.post(f"{place}test/")
    assert (asked.status_code, asked["Location"]) == (202, place)
    assert (asked.json()["last_delivery"]["status"], receiver.posts) == ("pending", [])
    sending.dispatch()

    told = client.get(place).json()["last_delivery"]
    assert (told["purpose"], told["status"], told["error"]) == ("test", "sent", "")
    assert client.get(CHANNELS).json()["results"][0]["last_delivery"] == told


def test_the_admin_shows_no_address_and_no_secret(cast, api, channel_to, client):
    channel = channel_to("webhook", "https://example.org/zq-url-secret")
    cast.owner.is_staff = cast.owner.is_superuser = True
    cast.owner.save()
    client.force_login(cast.owner)

    for page in ("", f"{channel.pk}/change/"):
        answer = client.get(f"/admin/alerts/channel/{page}", follow=True)
        assert answer.status_code == 200
        assert "zq-url-secret" not in answer.content.decode()
        assert channel.secret not in answer.content.decode()
