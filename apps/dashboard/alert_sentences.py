"""What the apps below say of alerts, and of the addresses that they are sent to; as `sentences` does of the rest."""

from django.utils.translation import gettext_noop

OF_ALERTS = (
    # what happened
    gettext_noop("The training of %(name)s failed."),
    gettext_noop("The training of %(name)s is completed."),
    gettext_noop("Version %(number)s of it was filed."),
    gettext_noop("The data of %(name)s drift."),
    gettext_noop("In alarm: %(columns)s. %(rows)s rows of version %(number)s were looked at."),
    gettext_noop("The performance of %(name)s fell."),
    gettext_noop("The disk of the platform is nearly full."),
    gettext_noop(
        "%(free)s MiB are free, fewer than the %(least)s MiB asked for. Free some space: without it "
        "trainings and uploads fail."
    ),
    gettext_noop("A worker of the platform is dead."),
    gettext_noop("Nobody serves %(queues)s: what is sent there waits. Start the worker again; manage.py doctor names it."),
    gettext_noop("The scheduler of the platform is dead."),
    gettext_noop("It has sent nothing for two minutes: nothing is checked or retrained by the clock. Start beat again."),
    gettext_noop("Version %(number)s of %(name)s passed the gate and is live."),
    gettext_noop("Version %(number)s of %(name)s passed the gate and waits for approval."),
    gettext_noop("Version %(number)s of %(name)s passed the gate: promote it by hand."),
    gettext_noop("Version %(number)s of %(name)s was overtaken by another promotion."),
    gettext_noop("Version %(number)s of %(name)s was refused by the gate."),
    gettext_noop("Version %(number)s of %(name)s was rolled back."),
    gettext_noop("Version %(number)s of %(name)s is surely worse, and could not be rolled back."),
    gettext_noop("Version %(number)s of %(name)s won on live requests and is live."),
    gettext_noop("Version %(number)s of %(name)s won on live requests: promote it by hand."),
    gettext_noop("The comparison of %(name)s on live requests is over."),
    # what messages say besides
    gettext_noop("It happened %(count)s times from %(first)s to %(last)s UTC."),
    gettext_noop("This is a test."),
    gettext_noop("Alerts of this workspace reach the channel %(name)s."),
    gettext_noop("The day's budget of %(budget)s messages is spent."),
    gettext_noop("What else happens today (%(zone)s) is not sent to %(name)s: look at the page of alerts."),
    # what became of a message
    gettext_noop("The channel is switched off."),
    gettext_noop("The budget of %(budget)s messages a day was spent."),
    gettext_noop("The process that sent it died %(count)s times."),
    gettext_noop("The sending stopped with %(error)s; the worker's log has the details."),
    gettext_noop("The server refused it with status %(number)s."),
    gettext_noop("The server leads to another address, which is not followed. Give the final one."),
    gettext_noop("No mail server is set: an operator names one by EMAIL_URL."),
    gettext_noop("The mail server refused the recipient."),
    gettext_noop("The mail server refused the message with code %(number)s."),
    gettext_noop("The mail server could not be reached (%(error)s)."),
    # addresses that are asked, or are not
    gettext_noop("An address is written in plain letters, without spaces; other scripts in their xn-- form."),
    gettext_noop("The address cannot be read."),
    gettext_noop("An address begins with https:// or http://."),
    gettext_noop("An address holds no user name and no password."),
    gettext_noop("The address names no server that can be asked."),
    gettext_noop("The port %(port)s is not among those that may be asked: %(ports)s."),
    gettext_noop(
        "The address leads into a private network, where no message is sent. An operator may allow its name "
        "by OUTBOUND_ALLOW_HOSTS."
    ),
    gettext_noop("The name of the server could not be found."),
    gettext_noop("No connection to the server could be made."),
    gettext_noop("The server's certificate is not one to be trusted for its name."),
    gettext_noop("The server did not answer within %(limit)s seconds."),
    gettext_noop("The connection broke before the server had answered."),
    # channels that cannot be
    gettext_noop("A workspace has at most %(most)s channels. Delete one first."),
    gettext_noop("A channel takes %(most)s tests a day. Try again tomorrow."),
    gettext_noop("Only webhooks are signed: leave the secret out."),
    gettext_noop("A secret is whsec_ followed by 24 to 64 bytes in base64; leave it out to have one made."),
    gettext_noop("This is no e-mail address."),
    gettext_noop("There is no such time zone. Write it as in Europe/Paris."),
    gettext_noop("A quiet time has a beginning and an end; leave both empty for none."),
    gettext_noop("A quiet time ends at another time than it begins."),
    gettext_noop("The address of Slack and Teams is the secret itself: it begins with https://."),
)
