"""What the apps below say of the platform's parts, and of files that were removed; as `sentences` does of the rest."""

from django.utils.translation import gettext_noop

OF_THE_SYSTEM = (
    gettext_noop("it answers"),
    gettext_noop("it does not answer"),
    gettext_noop("Start it, or check DATABASE_URL."),
    gettext_noop("%(count)s migrations wait"),
    gettext_noop("Run manage.py migrate."),
    gettext_noop("Start Redis, or check REDIS_URL."),
    gettext_noop("it may evict (%(policy)s)"),
    gettext_noop("Set maxmemory-policy noeviction: any other one removes waiting work when memory is short."),
    gettext_noop("%(share)s of its memory is used"),
    gettext_noop("Raise its maxmemory, or remove what else it holds: it soon takes no message, and jobs start late."),
    gettext_noop("%(place)s: its files are not there"),
    gettext_noop("Mount the disk of %(place)s; if nothing was ever in it, run manage.py migrate."),
    gettext_noop("Make %(place)s writable for this user, or free some space."),
    gettext_noop("%(place)s: %(free)s MiB free"),
    gettext_noop("%(free)s GiB free"),
    gettext_noop("Free some space."),
    gettext_noop("the broker does not answer"),
    gettext_noop("Start the broker first."),
    gettext_noop("no worker serves %(queues)s"),
    gettext_noop("Start what serves them: %(commands)s."),
    gettext_noop("%(count)s workers answer"),
    gettext_noop("Start the database first."),
    gettext_noop("%(count)s of its tasks are missing"),
    gettext_noop("Run manage.py migrate: it writes them."),
    gettext_noop("all is switched off"),
    gettext_noop("Enable the tasks in the admin."),
    gettext_noop("beat never ran"),
    gettext_noop("beat sent nothing since %(time)s UTC"),
    gettext_noop("Start it: celery -A mlplatform beat."),
    gettext_noop("%(count)s tasks, beat runs"),
    gettext_noop("%(count)s tasks, beat runs; switched off: %(names)s"),
    # periodic tasks
    gettext_noop("return expired leases"),
    gettext_noop("send again what the broker lost"),
    gettext_noop("sweep interrupted uploads"),
    gettext_noop("sweep orphaned files"),
    gettext_noop("remove files of old versions"),
    gettext_noop("sweep old answers and failed sign-ins"),
    gettext_noop("sweep what dead batches left"),
    gettext_noop("what is due"),
    gettext_noop("drift of every model"),
    # files of old versions
    gettext_noop(
        "The files of version %(number)s were removed on %(day)s to make room. What is known of it stays; to have it again, "
        "train it again with the same data, settings and seed."
    ),
)
