"""`manage.py up` as whoever starts it sees it: from outside, with real processes."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.journeys.running import ROLES, ROOT, RunningPlatform, alive, free_port, wait_for

DEMO_MODELS = 2
pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    platform = RunningPlatform(tmp_path_factory.mktemp("up"), from_nothing=True)
    try:
        yield platform.start()
    finally:
        platform.end()


def test_all_processes_are_up_and_written_down_for_the_owner_alone(running: RunningPlatform):
    file = running.var / "quickstart.json"

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(ROLES) <= set(running.facts["processes"])
    assert {"url", "username", "password", "api_key", "workspace"} <= set(running.facts)
    assert all(psutil.pid_exists(running.facts["processes"][role]) for role in ROLES)


def test_nobody_else_on_this_machine_reads_what_it_keeps(running: RunningPlatform):
    assert running.var.stat().st_mode & 0o077 == 0
    made = [path for path in (running.var / "logs").iterdir() if path.is_file()]
    assert made
    assert not [path for path in made if path.stat().st_mode & 0o077]


def test_the_box_says_where_to_go_and_how_to_sign_in(running: RunningPlatform):
    printed = wait_for(lambda: running.url in running.printed() and running.printed(), seconds=20, what="the box")

    for fact in ("url", "username", "password", "api_key"):
        assert running.facts[fact] in printed
    assert "logs" in printed


def test_the_key_and_the_password_open_the_door(running: RunningPlatform):
    api = f"{running.url}/api/v1"
    known = httpx.get(f"{api}/models/", headers={"Authorization": f"Token {running.facts['api_key']}"})
    token = httpx.post(f"{api}/auth/token/", json={name: running.facts[name] for name in ("username", "password")})

    assert known.status_code == 200
    assert token.status_code == 200
    assert httpx.get(f"{api}/models/").status_code == 401


def test_a_second_up_in_the_same_folder_is_refused_naming_the_first(running: RunningPlatform):
    before = running.printed()
    second = running.launch()

    assert second.wait(60) != 0

    said = running.printed()[len(before) :]
    assert re.search(rf"\b{running.process.pid}\b", said), said
    assert "Traceback" not in said
    assert httpx.get(f"{running.url}/healthz").status_code == 200


def test_no_secret_is_in_a_log_or_on_a_command_line(running: RunningPlatform):
    broker_password = re.search(r":([^:@/]+)@", running.broker_url)
    secrets = [running.facts["password"], running.facts["api_key"], *(broker_password.groups() if broker_password else ())]
    logs = {path: path.read_text(errors="replace") for path in (running.var / "logs").rglob("*") if path.is_file()}
    lines = [" ".join(process.cmdline()) for process in running.family()]

    assert logs
    assert not [path for path, text in logs.items() if any(secret in text for secret in secrets)]
    assert not [line for line in lines if any(secret in line for secret in secrets)]


def test_nothing_listens_beyond_this_machine(running: RunningPlatform):
    doors = {
        door.laddr.ip
        for process in running.family()
        for door in process.net_connections("inet")
        if door.status == psutil.CONN_LISTEN
    }

    assert doors
    assert doors <= {"127.0.0.1", "::1"}


def test_flower_asks_for_a_password(running: RunningPlatform):
    flower = running.process_of("flower")
    ports = {
        door.laddr.port
        for p in [flower, *flower.children(recursive=True)]
        for door in p.net_connections("inet")
        if door.status == "LISTEN"
    }

    assert ports
    assert {httpx.get(f"http://127.0.0.1:{port}/workers").status_code for port in ports} == {401}


def doctor(platform: RunningPlatform) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", "doctor"]
    return subprocess.run(
        command, cwd=ROOT, env=platform.environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_doctor_finds_all_well(running: RunningPlatform):
    said = wait_for(lambda: (done := doctor(running)).returncode == 0 and done, seconds=60, what="the doctor's consent")

    for part in ("database", "broker", "storage", "worker"):
        assert part in said.stdout


def test_the_parent_loads_no_ml_library(running: RunningPlatform):
    loaded = {line.path for line in psutil.Process(running.process.pid).memory_maps()}

    assert not [
        path for path in loaded if any(f"/{name}/" in path for name in ("pandas", "scipy", "sklearn", "xgboost", "pyarrow"))
    ]


@pytest.mark.parametrize("role", ROLES)
def test_a_process_that_dies_is_replaced_and_written_down(running: RunningPlatform, role: str):
    others = {name: pid for name, pid in running.facts["processes"].items() if name != role}

    dead = running.kill(role)

    running.wait_for_replacement(role, dead)
    wait_for(lambda: httpx.get(f"{running.url}/healthz").status_code == 200, seconds=60, what="the web server")
    after = running.facts["processes"]
    assert {name: after[name] for name in others} == others
    assert stat.S_IMODE((running.var / "quickstart.json").stat().st_mode) == 0o600


@pytest.fixture(scope="module")
def restarts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """Hold a platform that is stopped and started again and again."""
    platform = RunningPlatform(tmp_path_factory.mktemp("own"))
    yield platform
    platform.end()


@pytest.fixture
def started(restarts: RunningPlatform) -> RunningPlatform:
    """Return it running, started by the test before or now."""
    if restarts.process is None or restarts.process.poll() is not None:
        restarts.end()
        restarts.start()
    return restarts


def test_a_taken_port_is_left_to_its_owner(restarts: RunningPlatform):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        restarts.end()
        restarts.start("--no-demo", "--port", str(port))

        assert not restarts.url.endswith(f":{port}")
        assert httpx.get(f"{restarts.url}/healthz").status_code == 200


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_it_stops_within_ten_seconds_leaves_nothing_and_starts_again_as_it_was(started: RunningPlatform, signum: int):
    before = started.facts
    family = started.family()
    assert len(family) >= len(ROLES)

    took = started.stop(signum)

    assert took < 10
    assert not alive(family)
    assert not started.family()
    ill = doctor(started)
    assert ill.returncode == 1
    assert "→" in ill.stdout
    assert "Traceback" not in ill.stdout + ill.stderr
    again = started.start().facts
    for fact in ("username", "password", "api_key", "workspace"):
        assert again[fact] == before[fact]


def test_a_kill_of_the_parent_leaves_no_orphan_and_the_next_start_works(started: RunningPlatform):
    family = started.family()

    os.kill(started.process.pid, signal.SIGKILL)
    started.process.wait()

    wait_for(lambda: not alive(family), seconds=10, what="every process to end with its parent")
    assert not started.family()
    started.start()


def test_a_lost_file_of_credentials_is_made_again_and_works(started: RunningPlatform):
    before = started.facts
    started.stop()
    (started.var / "quickstart.json").unlink()

    after = started.start().facts

    assert after["workspace"] == before["workspace"]
    assert after["api_key"] != before["api_key"]
    given = {name: after[name] for name in ("username", "password")}
    assert httpx.post(f"{started.url}/api/v1/auth/token/", json=given).status_code == 200
    key = {"Authorization": f"Bearer {after['api_key']}"}
    assert httpx.get(f"{started.url}/api/v1/models/", headers=key).status_code == 200


def test_the_first_start_shows_a_trained_model_and_the_second_does_not_make_it_again(tmp_path: Path):
    platform = RunningPlatform(tmp_path / "own", from_nothing=True)
    key = {}

    def models() -> list[dict[str, object]]:
        answer = httpx.get(f"{platform.url}/api/v1/models/", headers=key, timeout=30)
        ready = [model for model in answer.json()["results"] if model["champion"] == 1]
        return ready if len(ready) == DEMO_MODELS else []

    try:
        platform.start("--port", str(free_port()), seconds=240)
        key["Authorization"] = f"Bearer {platform.facts['api_key']}"
        first = wait_for(models, seconds=180, what="a trained model")
        campaigns = httpx.get(f"{platform.url}/api/v1/campaigns/", headers=key).json()["count"]
        platform.stop()
        platform.start("--port", str(free_port()), seconds=120)

        assert {model["id"] for model in first} <= {model["id"] for model in models()}
        assert httpx.get(f"{platform.url}/api/v1/campaigns/", headers=key).json()["count"] == campaigns
    finally:
        platform.end()
