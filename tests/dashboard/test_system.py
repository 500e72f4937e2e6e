"""The page and the route of how the platform is: for owners and staff, in both languages, nothing of a workspace in it."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django_celery_beat.models import PeriodicTask

from apps.core import clock, health, system
from apps.core.health import Finding
from apps.core.system import Broker, Disk, Look, Queue, Scheduled, Worker
from apps.dashboard.words import translated
from tests.dashboard.reading import Page
from tests.factories import make_model

PAGE, ROUTE = "dashboard:system", "system"
NOW = clock.now()


def found(**changes: object) -> Look:
    """Return a platform as it is with all its parts, one of which is at fault."""
    advice = "Start what serves them: celery -A mlplatform worker -Q ml_trials -c 2."
    facts: dict[str, object] = {
        "findings": (
            Finding("database", True, "sqlite"),
            Finding("workers", False, "no worker serves ml_trials", advice),
        ),
        "queues": (Queue("celery", 3, 754.0), Queue("ml_trials", None, None)),
        "workers": (Worker("training@here", 4321, ("ml_training",), 1, 12),),
        "schedule": (
            Scheduled("monitoring: drift of every model", True, NOW - timedelta(hours=1), NOW + timedelta(hours=23)),
            Scheduled("registry: sweep orphaned files", False, None, None),
        ),
        "disks": (Disk("models", 30 * 1024**3, 100 * 1024**3),),
        "database_bytes": 5 * 1024**2,
        "broker": Broker("7.0.15", 2 * 1024**2, 512 * 1024**2, "noeviction"),
        "versions": {"python": "3.11.7"},
    }
    return Look(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.fixture
def as_found(monkeypatch):
    monkeypatch.setattr("apps.dashboard.pages.system.look", found)
    monkeypatch.setattr("apps.dashboard.api.system.look", found)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["What to do: Start what serves them", "at fault", "12 min 34 s", "training@here", "4321", "Drift of every model", "30.0"]),
        ("fr", ["Que faire : Démarrez ce qui les sert", "en défaut", "aucun worker", "Dérive de chaque modèle", "désactivée", "Balayer les"]),
    ],
)  # fmt: skip
def test_it_shows_each_part_and_what_to_do(language, words, cast, browser, as_found):
    page = Page(browser(cast.owner, language).get(reverse(PAGE)))

    assert page.faults == []
    text = page.text.replace("\u00a0", " ").replace("\u202f", " ")
    assert [word for word in words if word.lower() not in text.lower()] == [], text


def test_the_route_says_the_same(cast, api, as_found):
    told = api(cast.owner).get(reverse(ROUTE)).json()

    assert told["well"] is False
    assert told["parts"][1]["advice"].startswith("Start what serves them")
    assert told["parts"][0]["advice"] == ""
    assert told["queues"][0] == {"name": "celery", "depth": 3, "oldest_seconds": 754.0}
    assert told["workers"][0]["pid"] == 4321
    assert told["schedule"][1] == {"name": "registry: sweep orphaned files", "on": False, "last_run": None, "next_run": None}
    assert told["broker"]["policy"] == "noeviction"


def test_staff_who_are_in_no_workspace_see_it_and_other_members_do_not(cast, browser, api, as_found):
    cast.nobody.is_staff = True
    cast.nobody.save()

    assert browser(cast.nobody).get(reverse(PAGE)).status_code == 200
    assert api(cast.nobody).get(reverse(ROUTE)).status_code == 200
    assert browser(cast.approver).get(reverse(PAGE)).status_code == 403
    assert api(cast.approver).get(reverse(ROUTE)).status_code == 403


def test_the_way_to_it_is_shown_to_those_who_may(cast, browser):
    address = reverse(PAGE)
    assert address in Page(browser(cast.owner).get(reverse("dashboard:settings"))).links
    assert address not in Page(browser(cast.trainer).get(reverse("dashboard:settings"))).links


def test_as_it_is_without_broker_and_workers_it_names_no_workspace(cast, browser, api, monkeypatch):
    from mlplatform.schedule import upsert_schedule

    upsert_schedule()
    make_model(cast.acme, name="secret plan")
    PeriodicTask.objects.update(last_run_at=clock.now())
    monkeypatch.setattr(system, "_recent", system._Recent())
    monkeypatch.setattr(health, "_recent", health._Recent())

    page = Page(browser(cast.owner).get(reverse(PAGE)))
    told = api(cast.owner).get(reverse(ROUTE)).json()

    assert page.faults == []
    assert "Start Redis, or check REDIS_URL." in page.text
    assert "secret plan" not in page.text + json.dumps(told)
    assert told["broker"] is None
    assert len(told["schedule"]) > 9


@pytest.mark.parametrize(
    ("said", "french"),
    [
        ("3 migrations wait", "3 migrations attendent"),
        ("it may evict (allkeys-lru)", "il peut évincer des messages (allkeys-lru)"),
        ("93% of its memory is used", "93 % de sa mémoire est occupée"),
        ("4 workers answer", "4 workers répondent"),
        ("12 tasks, beat runs; switched off: a, b", "désactivées"),
        ("beat sent nothing since 2026-01-02 03:04 UTC", "envoyé depuis 02/01/2026 04:04"),
        ("1 worker answers", "1 worker répond"),
        ("52.3 GiB free", "52,3 Gio libres"),
    ],
)
def test_what_the_probes_find_is_said_in_french(said, french):
    with translation.override("fr"), timezone.override("Europe/Paris"):
        assert french in translated(said).replace("\u00a0", " ")


def test_times_of_sentences_are_of_the_zone_of_the_page_which_says_which_it_is(cast, browser):
    said = "The last retraining began at 2026-06-02 23:04 UTC: the next may begin at 2026-06-03 19:04 UTC."
    with timezone.override("Europe/Paris"):
        told = translated(said)

    assert told == "The last retraining began at 2026-06-03 01:04: the next may begin at 2026-06-03 21:04."
    assert (
        f"times are those of {settings.PAGES_TIME_ZONE}" in Page(browser(cast.owner).get(reverse("dashboard:settings"))).text
    )


@pytest.mark.parametrize("written", ["2026-02-30 10:00 UTC", "2026-11-22 24:61 UTC", "0001-01-01 00:00 UTC"])
def test_a_time_that_is_none_stays_as_it_was_written(written):
    with timezone.override("America/New_York"):
        assert translated(f"agreed {written}.") == f"agreed {written}."


@pytest.mark.parametrize("task", sorted(settings.PERIODIC_TASKS))
def test_each_periodic_task_has_a_french_name(task):
    words = task.rpartition(": ")[2]
    with translation.override("fr"):
        assert translated(words) != words
