"""The declared schedule: each line names a task that exists, goes to a queue that is served, and respects what people did."""

import pytest
from django.conf import settings
from django.core.management import call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from mlplatform.celery import app
from mlplatform.schedule import upsert_schedule


@pytest.fixture(scope="module", autouse=True)
def tasks() -> None:
    app.loader.import_default_modules()


def test_every_periodic_task_is_one_that_a_worker_knows():
    assert {declared["task"] for declared in settings.PERIODIC_TASKS.values()} <= set(app.tasks)


def test_every_task_goes_to_a_queue_that_a_worker_serves():
    served = {settings.TRAINING_QUEUE, settings.TRIALS_QUEUE, *settings.OTHER_QUEUES}
    ours = [name for name in app.tasks if not name.startswith("celery.")]

    queues = {name: app.amqp.router.route({}, name)["queue"].name for name in ours}

    assert set(queues.values()) <= served
    assert {name for name, queue in queues.items() if queue == settings.TRAINING_QUEUE} == {"training.run_campaign"}


def test_a_queue_that_is_not_declared_is_refused_at_once():
    with pytest.raises(Exception, match="ml_trainning"):
        app.amqp.router.route({"queue": "ml_trainning"}, "training.run_campaign")


@pytest.mark.django_db
def test_the_schedule_is_written_once_and_leaves_alone_what_people_made():
    every_hour = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    PeriodicTask.objects.create(name="our own", task="datasets.sweep_uploads", interval=every_hour)
    upsert_schedule()
    off = PeriodicTask.objects.get(name=next(iter(settings.PERIODIC_TASKS)))
    off.enabled = False
    off.save()
    before = set(PeriodicTask.objects.values_list("pk", "name"))

    upsert_schedule()

    assert set(PeriodicTask.objects.values_list("pk", "name")) == before
    assert {name for _, name in before} >= {*settings.PERIODIC_TASKS, "our own"}
    off.refresh_from_db()
    assert not off.enabled


@pytest.mark.django_db
def test_a_changed_line_replaces_its_old_timing(settings):
    settings.PERIODIC_TASKS = {"a task": {"task": "datasets.sweep_uploads", "every_seconds": 30}}
    upsert_schedule()
    settings.PERIODIC_TASKS = {"a task": {"task": "datasets.sweep_uploads", "crontab": "5 2 * * *"}}

    upsert_schedule()

    row = PeriodicTask.objects.get(name="a task")
    assert row.interval is None
    assert (row.crontab.minute, row.crontab.hour, str(row.crontab.timezone)) == ("5", "2", "Europe/Paris")


@pytest.mark.django_db(transaction=True)
def test_a_migrate_writes_the_schedule():
    PeriodicTask.objects.all().delete()

    call_command("migrate", verbosity=0)

    assert set(PeriodicTask.objects.values_list("name", flat=True)) >= set(settings.PERIODIC_TASKS)
