"""What really arrives at each kind of channel, and what is kept of refusals."""

import base64
import hashlib
import hmac

import pytest
from django.core import mail

from apps.alerts import sending
from apps.alerts.actions import raise_alert, try_channel
from apps.alerts.models import Delivery
from apps.alerts.senders.webhook import is_secret, new_secret, signature
from apps.workspaces.access import SYSTEM

NAME = "Late <!channel> [x](http://evil.example) & co"
TITLE = f"The training of {NAME} failed."


def raised(cast, **more):
    return raise_alert(
        workspace_id=cast.acme.pk, kind="training_failed", key="k", title=TITLE, sentence="It needs more rows.",
        details={"campaign": "c"}, model_name=NAME, **more,
    )  # fmt: skip


def delivered() -> Delivery:
    sending.dispatch()
    return Delivery.objects.get()


def test_slack_is_told_in_plain_text_that_calls_nobody(cast, channel_to, receiver, settings):
    settings.PUBLIC_URL = "https://ml.example.org"
    channel_to("slack", receiver.url())
    raised(cast)

    assert delivered().status == "sent"

    (got,) = receiver.posts
    assert got.path == "/services/T0/zq-url-secret"
    assert got.headers["content-type"] == "application/json"
    title, text = (block["text"] for block in got.json["blocks"])
    assert title == {"type": "plain_text", "text": TITLE, "emoji": False}
    assert text["type"] == "plain_text"
    for words in ("It needs more rows.", "Workspace: Acme", "https://ml.example.org/alerts/"):
        assert words in text["text"]
    assert "<" not in got.json["text"]


def test_teams_gets_a_card_whose_texts_know_no_markdown(cast, channel_to, receiver):
    channel_to("teams", receiver.url())
    raised(cast)
    receiver.statuses = [202]  # as Workflows answer

    assert delivered().status == "sent"

    (attachment,) = receiver.posts[0].json["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    runs = [run for block in card["body"] for run in block["inlines"]]
    assert {run["type"] for run in runs} == {"TextRun"}
    assert runs[0]["text"] == TITLE


def test_a_webhook_is_signed_as_the_standard_says(cast, channel_to, receiver):
    channel = channel_to("webhook", receiver.url())
    alert = raised(cast, model_id=cast.acme.pk)

    delivery = delivered()

    (got,) = receiver.posts
    assert got.headers["webhook-id"] == got.headers["idempotency-key"] == f"msg_{delivery.pk.hex}"
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(channel.secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert got.json["type"] == "alert.training_failed"
    data = got.json["data"]
    assert (data["alert"], data["title"], data["count"], data["details"]) == (str(alert.pk), TITLE, 1, {"campaign": "c"})
    assert data["model"] == str(cast.acme.pk)


def test_a_signature_is_that_of_the_standard_s_own_example():
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'

    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", True), (new_secret(), True), ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", False),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), False), ("whsec_" + base64.b64encode(b"x" * 65).decode(), False),
        ("whsec_n\u00f6", False), ("whsec_", False), ("whsec_****", False),
    ],
    ids=["given", "made", "without its prefix", "too short", "too long", "not ASCII", "empty", "masked"],
)  # fmt: skip
def test_what_a_secret_is(text, good):
    assert is_secret(text) == good


def test_a_mail_is_sent_to_the_address_alone(cast, channel_to, settings):
    settings.EMAIL_URL, settings.DEFAULT_FROM_EMAIL = "smtp://localhost", "ml@example.org"
    channel_to("email", "team@example.org")
    raised(cast)

    assert delivered().status == "sent"

    (sent,) = mail.outbox
    assert (sent.to, sent.from_email, sent.subject) == (["team@example.org"], "ml@example.org", f"[mlplatform] {TITLE}")
    assert "It needs more rows." in sent.body


def test_a_title_with_a_line_break_makes_no_header(cast, channel_to, settings):
    settings.EMAIL_URL = "smtp://localhost"
    channel_to("email", "team@example.org")
    raise_alert(workspace_id=cast.acme.pk, kind="drift", key="d", title="a\r\nBcc: all@example.org")

    assert delivered().status == "sent"

    assert mail.outbox[0].message()["Bcc"] is None


def test_without_a_mail_server_it_says_so(cast, channel_to, settings):
    settings.EMAIL_URL = ""
    channel_to("email", "team@example.org")
    raised(cast)

    found = delivered()

    assert (found.status, found.attempt) == ("failed", 1)
    assert "EMAIL_URL" in found.error
    assert mail.outbox == []


def test_a_mail_server_that_is_away_is_tried_again(cast, channel_to, settings):
    settings.EMAIL_URL, settings.EMAIL_BACKEND = "smtp://x", "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    channel_to("email", "team@example.org")
    raised(cast)

    found = delivered()

    assert (found.status, found.attempt) == ("pending", 1)
    assert found.error == "The mail server could not be reached (ConnectionRefusedError)."


@pytest.mark.parametrize(
    ("status", "stands", "words"),
    [
        (500, "pending", "The server refused it with status 500."),
        (404, "pending", "The server refused it with status 404."),
        (410, "failed", "The server refused it with status 410."),
        (302, "failed", "leads to another address"),
    ],
)
def test_a_refusal_is_told_by_its_status_and_never_by_its_words(status, stands, words, cast, channel_to, receiver, caplog):
    channel = channel_to("webhook", receiver.url())
    receiver.statuses, receiver.headers = [status], {"Location": receiver.url("/latest/meta-data")}
    raised(cast)

    found = delivered()

    assert (found.status, len(receiver.posts)) == (stands, 1)
    assert words in found.error
    for secret in ("zq-answered", "zq-url-secret", channel.secret, "/latest/"):
        assert secret not in found.error + caplog.text


def test_a_test_is_tried_once_and_told_at_once(cast, channel_to, receiver):
    channel = channel_to("slack", receiver.url())
    receiver.statuses = [503]
    try_channel(channel=channel, actor=SYSTEM)

    found = delivered()

    assert (found.purpose, found.status, found.error) == ("test", "failed", "The server refused it with status 503.")
    assert "This is a test." in receiver.posts[0].body.decode()
