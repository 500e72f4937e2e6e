"""Mail, through the server that the operator names (`EMAIL_URL`)."""

from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.conf import settings
from django.core.mail import EmailMessage

from apps.alerts.messages import Message
from apps.alerts.models import Channel
from apps.alerts.senders.posting import NotSent

_REFUSED = 500  # from here on the server says that another try is of no use


def send(channel: Channel, message_id: str, message: Message) -> None:
    """Send a mail of plain text, with the message's id among its headers."""
    if not settings.EMAIL_URL:
        raise NotSent("No mail server is set: an operator names one by EMAIL_URL.", is_final=True)
    text = "\n\n".join([message.title, *message.lines])
    headers = {"X-Mlplatform-Message": message_id, "Auto-Submitted": "auto-generated"}
    mail = EmailMessage(message.subject, text, None, [channel.address], headers=headers)
    try:
        mail.send()
    except SMTPRecipientsRefused as error:
        codes = [code for code, _words in error.recipients.values()]
        raise NotSent("The mail server refused the recipient.", all(code >= _REFUSED for code in codes)) from error
    except SMTPResponseException as error:
        raise NotSent(f"The mail server refused the message with code {error.smtp_code}.") from error
    except (SMTPException, OSError) as error:
        raise NotSent(f"The mail server could not be reached ({type(error).__name__}).") from error
