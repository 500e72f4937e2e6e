"""docker-compose.yml: well formed, closed by default, and each command starts with what it names."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from django.conf import settings

from mlplatform.settings import queues
from tests.journeys.running import ROOT, free_port, new_database, wait_for
from tests.postgres import binaries, private_postgres

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "training", "trials", "worker", "upkeep", "beat", "flower")
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def test_it_is_a_compose_file():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_secret_has_a_default():
    text = (ROOT / "docker-compose.yml").read_text()
    named = {
        name: (kind, rest) for name, kind, rest in _VARIABLE.findall(text) if re.search("KEY$|PASSWORD|AUTH|TOKEN", name)
    }
    needed = {name for name, (kind, _rest) in named.items() if kind == "?"}

    assert needed == {"SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "FLOWER_BASIC_AUTH"}
    assert all(rest == "" for name, (_kind, rest) in named.items() if name not in needed), "what is optional is empty"


def test_what_stands_in_the_example_reaches_the_containers_with_the_defaults_of_the_platform():
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    named = {name: rest for name, _kind, rest in _VARIABLE.findall((ROOT / "docker-compose.yml").read_text())}
    kept = {name for name in example if name.endswith("_DAYS")}

    assert example.keys() - {"METRICS_TOKEN", "GRAFANA_PASSWORD"} <= named.keys()
    assert kept >= {"RETENTION_PREDICTION_DAYS", "RETENTION_FEEDBACK_DAYS", "RETENTION_SAMPLE_DAYS"}
    assert kept <= SERVICES["worker"]["environment"].keys()
    for name in kept:
        assert int(example[name]) == int(named[name]) == getattr(settings, name)


def test_only_this_machine_reaches_a_port_and_the_stores_none():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert set(ports) == {"web", "flower", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for opened in ports.values() for port in opened)


def test_redis_keeps_what_waits():
    command = SERVICES["redis"]["command"]
    told = {name: command[place + 1] for place, name in enumerate(command) if name.startswith("--")}

    assert told["--maxmemory-policy"] == "noeviction"
    assert (told["--appendonly"], told["--appendfsync"]) == ("yes", "everysec")
    assert "REDIS_PASSWORD" in told["--requirepass"]


def test_every_queue_is_served_once():
    served = [
        queue
        for service in SERVICES.values()
        for word in service.get("command", [])
        if word.startswith("--queues=")
        for queue in word.removeprefix("--queues=").split(",")
    ]

    assert sorted(served) == sorted([queues.TRAINING_QUEUE, queues.TRIALS_QUEUE, *queues.OTHER_QUEUES])


def test_what_watches_the_platform_is_started_on_demand_and_takes_its_secrets_from_the_environment():
    watching = {name: SERVICES[name] for name in ("prometheus", "grafana")}

    assert all(service["profiles"] == ["observability"] for service in watching.values())
    assert COMPOSE["secrets"] == {name.lower(): {"environment": name} for name in ("METRICS_TOKEN", "GRAFANA_PASSWORD")}
    assert watching["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_password"
    mounted = [text.split(":")[0] for text in watching["grafana"]["volumes"] if text.startswith("./")]
    assert all((ROOT / place).exists() for place in [*mounted, *(config["file"] for config in COMPOSE["configs"].values())])


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_more_rights_than_they_need(name: str):
    service = SERVICES[name]

    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("privileged") is None


def test_the_image_runs_as_a_user_and_holds_what_the_commands_need():
    steps = (ROOT / "Dockerfile").read_text()
    shipped = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))

    assert re.search(r"^USER (?!root)", steps, re.MULTILINE)
    copied = {source.split("/")[0] for source in re.findall(r"^COPY (?!--from)(\S+)", steps, re.MULTILINE)}
    assert copied <= shipped
    assert all((ROOT / name).exists() for name in shipped)


def filled(value: str, given: dict[str, str]) -> str:
    """Fill in variables as Compose does; a required one that is missing is a fault."""

    def look(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if given.get(name):
            return given[name]
        assert kind != "?", f"{name}: {rest}"
        return rest or ""

    return _VARIABLE.sub(look, value)


class Composed:
    """The services' exact commands, started by hand beside a PostgreSQL and a Redis of our own."""

    def __init__(self, folder: Path, database: str, broker_port: int, broker_password: str) -> None:
        self.folder = folder
        self.port = {"8000": str(free_port()), "5555": str(free_port())}
        self.given = {
            "SECRET_KEY": secrets.token_urlsafe(64), "ALLOWED_HOSTS": "ml.example.org", "POSTGRES_PASSWORD": "unused",
            "REDIS_PASSWORD": broker_password, "FLOWER_BASIC_AUTH": f"admin:{secrets.token_urlsafe(8)}",
        }  # fmt: skip
        self.database, self.broker = database, f"127.0.0.1:{broker_port}"
        self.started: list[subprocess.Popen[bytes]] = []

    def secrets(self) -> list[str]:
        """Return what nobody should read anywhere."""
        own = [self.given[name] for name in ("SECRET_KEY", "REDIS_PASSWORD", "FLOWER_BASIC_AUTH")]
        return [*own, self.database.split(":")[2].split("@")[0]]

    def environment(self, service: str) -> dict[str, str]:
        told = {name: filled(value, self.given) for name, value in SERVICES[service]["environment"].items()}
        told["DATABASE_URL"] = self.database
        told["REDIS_URL"] = told["REDIS_URL"].replace("redis:6379", self.broker)
        own = {"DJANGO_SETTINGS_MODULE": "mlplatform.settings.production", "MLPLATFORM_VAR": str(self.folder / "data")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**told, **own, "PATH": path, "HOME": str(self.folder), "PYTHONPATH": str(ROOT)}

    def start(self, service: str) -> "subprocess.Popen[bytes]":
        command = [filled(word, self.given) for word in SERVICES[service]["command"]]
        for port, free in self.port.items():
            command = [word.replace(port, free) for word in command]
        with (self.folder / f"{service}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment(service), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.started.append(process)
        return process

    def manage(self, *words: str, **given: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env={**self.environment("web"), **given},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def end(self) -> None:
        for process in reversed(self.started):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.started:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    redis = shutil.which("redis-server") or shutil.which("valkey-server")
    if binaries() is None or redis is None:
        pytest.skip("PostgreSQL and Redis are needed")
    folder = tmp_path_factory.mktemp("composed")
    port, password = free_port(), secrets.token_urlsafe(12)
    command = [redis, *(filled(word, {"REDIS_PASSWORD": password}) for word in SERVICES["redis"]["command"][1:])]
    command += ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    broker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with private_postgres("-c", "fsync=off") as server:
        services = Composed(folder, new_database(server.url), port, password)
        try:
            assert services.start("migrate").wait(120) == 0, services.log("migrate")
            for name in OURS[1:]:
                services.start(name)
            yield services
        finally:
            services.end()
            broker.terminate()
            broker.wait()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_each_command_starts_and_together_they_are_ready(composed: Composed):
    web = f"http://127.0.0.1:{composed.port['8000']}"
    headers = {"Host": "ml.example.org", "X-Forwarded-Proto": "https"}

    said = ""

    def ready() -> bool:
        nonlocal said
        for process in composed.started[1:]:
            assert process.poll() is None, [composed.log(name)[-3000:] for name in OURS]
        answer = httpx.get(f"{web}/readyz", headers=headers)
        said = answer.text
        return answer.status_code == 200

    try:
        wait_for(ready, seconds=150, what="every part to be ready")
    except AssertionError:
        pytest.fail(said)

    health = SERVICES["web"]["healthcheck"]["test"][1:]
    command = [word.replace("8000", composed.port["8000"]) for word in health]
    assert subprocess.run(command, cwd=ROOT, env=composed.environment("web"), check=False).returncode == 0
    assert httpx.get(f"{web}/healthz", headers={"Host": "evil.example"}).status_code == 400
    assert httpx.get(f"{web}/healthz", headers={"Host": "ml.example.org"}).status_code in {301, 308}
    flower = f"http://127.0.0.1:{composed.port['5555']}"
    assert httpx.get(f"{flower}/workers").status_code == 401
    assert httpx.get(f"{flower}/workers", auth=tuple(composed.given["FLOWER_BASIC_AUTH"].split(":"))).status_code == 200
    assert "ok   schedule" in composed.manage("doctor")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_passes_djangos_own_check_for_deployment(composed: Composed):
    said = composed.manage("check", "--deploy", "--fail-level=WARNING")

    assert "no issues" in said, said


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_secret_is_in_a_log(composed: Composed):
    logs = {path.name: path.read_text(errors="replace") for path in composed.folder.glob("*.log")}

    assert set(logs) >= {f"{name}.log" for name in OURS}
    assert not [name for name, text in logs.items() if any(secret in text for secret in composed.secrets())]


def _workers(flower: httpx.Client) -> dict[str, Any] | None:
    found: dict[str, Any] = flower.get("/api/workers", params={"refresh": 1}).json()
    return found if len(found) == 4 else None


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_flower_shows_no_secret(composed: Composed):
    user, _, password = composed.given["FLOWER_BASIC_AUTH"].partition(":")
    with httpx.Client(base_url=f"http://127.0.0.1:{composed.port['5555']}", auth=(user, password), timeout=30) as flower:
        workers = wait_for(lambda: _workers(flower), seconds=60, what="Flower to hear of four workers")
        pages = {name: flower.get(name) for name in ("/workers", "/tasks", "/broker", "/api/tasks", "/api/queues/length")}
        pages |= {f"/worker/{name}": flower.get(f"/worker/{name}") for name in workers}

    assert {page.status_code for page in pages.values()} == {200}
    assert all(":********@" in worker["conf"]["broker_url"] for worker in workers.values())
    assert not [name for worker in workers.values() for name in worker["conf"] if name.isupper()]  # Django's own
    shown = json.dumps(workers) + "".join(page.text for page in pages.values())
    assert not [shown[max(0, shown.find(s) - 200) :][:300] for s in (*composed.secrets(), password) if s in shown]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "insecure" * 10}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"REDIS_URL": None}, "REDIS_URL"),
    ],
    ids=json.dumps,
)
def test_production_refuses_a_default_or_missing_setting(change: dict[str, str | None], word: str):
    good = {
        "SECRET_KEY": secrets.token_urlsafe(64), "ALLOWED_HOSTS": "ml.example.org", "REDIS_URL": "redis://127.0.0.1:1/0",
        "DATABASE_URL": "postgres://a:b@127.0.0.1:1/c", "DJANGO_SETTINGS_MODULE": "mlplatform.settings.production",
    }  # fmt: skip
    environment = {name: value for name, value in {**good, **change}.items() if value is not None}
    command = [sys.executable, "-c", "import mlplatform.settings.production"]
    done = subprocess.run(
        command, cwd=ROOT, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert word in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_worker_refuses_a_broker_that_evicts(tmp_path: Path):
    redis = shutil.which("redis-server") or shutil.which("valkey-server")
    if redis is None:
        pytest.skip("Redis is needed")
    port = free_port()
    options = ["--port", str(port), "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--dir", str(tmp_path)]
    broker = subprocess.Popen([redis, *options, "--save", ""], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(port), seconds=10, what="Redis")
        command = [sys.executable, "-m", "celery", "-A", "mlplatform", "worker", "-Q", "celery", "--pool=solo"]
        environment = {**os.environ, "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    finally:
        broker.terminate()
        broker.wait()

    assert done.returncode != 0
    assert "noeviction" in done.stderr


def _answers(port: int) -> bool:
    import redis

    try:
        return bool(redis.Redis(port=port).ping())
    except redis.ConnectionError:
        return False
