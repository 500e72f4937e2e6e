"""What Prometheus is told: to whom, by which names, and true over processes that come, go and are killed."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import override_settings
from prometheus_client.parser import text_string_to_metric_families

from apps.core import metrics
from apps.core.metrics import REQUESTS, exposition, forget_figures
from apps.core.permissions import Scope
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-prometheus-0123456789"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    forget_figures()


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def scrape(client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    with override_settings(METRICS_TOKEN=TOKEN):
        answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return samples(answer.content.decode())


@pytest.mark.parametrize("given", [None, "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}"])
def test_strangers_read_no_metrics(given, client, db):
    with override_settings(METRICS_TOKEN=TOKEN):
        answer = client.get("/metrics", headers={"authorization": given} if given else {})

    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_without_a_token_in_the_environment_an_empty_one_opens_nothing(client, db):
    with override_settings(METRICS_TOKEN=""):
        assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 401


def test_members_are_told_what_it_takes_and_staff_get_in(cast, client):
    client.force_login(cast.owner)
    refused = client.get("/metrics")
    cast.owner.is_staff = True
    cast.owner.save()

    assert (refused.status_code, "METRICS_TOKEN" in refused.json()["detail"]) == (403, True)
    assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize(("scope", "status"), [(Scope.ADMIN, 200), (Scope.READ, 403), (Scope.WRITE, 403)])
def test_a_key_of_staff_needs_the_scope_of_an_administrator(scope, status, cast, client):
    cast.owner.is_staff = True
    cast.owner.save()
    clear = issue_key(user=cast.owner, workspace=None, name="k", scope=scope, actor=SYSTEM)[1]

    assert client.get("/metrics", headers={"authorization": f"Bearer {clear}"}).status_code == status


def counted(seen, method: str, route: str, status: str) -> float:
    labels = (("method", method), ("route", route), ("status", status))
    return seen.get(("mlplatform_http_request_seconds_count", labels), 0.0)


def test_requests_are_counted_by_the_pattern_of_their_route(cast, client):
    client.force_login(cast.viewer)
    before = scrape(client)
    for number in range(3):
        client.get(f"/api/v1/models/00000000-0000-4000-8000-00000000000{number}/")
        client.get(f"/nowhere/{number}")
    client.generic("BREW", "/healthz")

    seen = scrape(client)
    grown = lambda *labels: counted(seen, *labels) - counted(before, *labels)  # noqa: E731
    assert grown("GET", "/api/v1/models/<uuid:pk>/", "404") == 3
    assert grown("GET", "(none)", "404") == 3
    assert grown("other", "/healthz", "405") == 1
    assert not [labels for _name, labels in seen if "nowhere" in str(labels) or "8000" in str(labels)]


def test_a_database_that_is_away_costs_its_figures_and_nothing_else(db, monkeypatch, caplog):
    def away() -> list[object]:
        raise OperationalError("gone")

    monkeypatch.setattr(metrics._teller.kinds["campaigns"], "figures", away)

    seen = samples(exposition().decode())

    assert seen["mlplatform_figures_missing", (("of", "campaigns"),)] == 1
    assert seen["mlplatform_figures_missing", (("of", "machine"),)] == 0
    assert "gone" in caplog.text


def test_who_asks_often_has_nothing_looked_up_twice(db, django_assert_num_queries):
    exposition()

    with django_assert_num_queries(0):
        exposition()


def test_two_scrapes_at_once_look_once(db, monkeypatch):
    looks: list[int] = []

    def slow() -> list[object]:
        looks.append(1)
        time.sleep(0.05)
        return []

    told = metrics._Told("slow", slow, 5.0)
    threads = [threading.Thread(target=told.now) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(looks) == 1


COUNTING = """
import os, sys
from pathlib import Path
os.environ["DJANGO_SETTINGS_MODULE"] = "mlplatform.settings.test"
from apps.core.metrics import count_request, count_together, _teller
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
count_together(Path(sys.argv[1]))
for line in sys.stdin:
    if line.startswith("count"):
        count_request("GET", "/x/", 200, 0.01)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=sys.argv[1])
    print(sum(s.value for m in registry.collect() for s in m.samples if s.name.endswith("_count")), flush=True)
"""


class Process:
    """A web process as far as counting goes."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, word: str) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def test_the_sum_of_all_processes_never_falls_whatever_is_killed_and_begins_anew_with_the_server(tmp_path):
    one, two = Process(tmp_path), Process(tmp_path)
    try:
        assert [one("count"), one("count"), two("count")] == [1, 2, 3]
        two.kill()
        assert one("look") == 3
        three = Process(tmp_path)
        assert [three("look"), three("count"), one("look")] == [3, 4, 4]
        assert len(list(tmp_path.glob("histogram_*.db"))) == 2  # it took the place of the dead
        three.kill()
        one.kill()
        fresh = Process(tmp_path)
        assert fresh("count") == 1
        fresh.kill()
    finally:
        for process in (one, two):
            process.kill()


def test_a_folder_that_cannot_be_written_leaves_each_process_counting_for_itself(tmp_path):
    (tmp_path / "file").write_text("no folder")
    script = COUNTING.split("for line", maxsplit=1)[0] + "count_request('GET', '/', 200, 0.1); assert _teller.shared is None"
    command = [sys.executable, "-c", script, str(tmp_path / "file")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "counted by each web process for itself" in done.stderr


def test_all_names_begin_alike_and_say_what_they_are(db):
    families = list(text_string_to_metric_families(exposition().decode()))

    assert REQUESTS
    assert len(families) > 35
    assert [f.name for f in families if not f.name.startswith("mlplatform_") or len(f.documentation) < 10] == []
    assert len({f.name for f in families}) == len(families)
