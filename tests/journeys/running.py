"""A whole platform of its own: `manage.py up` in a temporary folder, with real processes and a real broker."""

import atexit
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from tests.journeys.witness import Witness

logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every look
ROOT = Path(__file__).resolve().parents[2]
ROLES = ("broker", "web", "training", "trials", "worker", "upkeep", "beat", "flower")
_NOT_INHERITED = {"REDIS_URL", "DATASETS_DIR", "SECRET_KEY", "ALLOWED_HOSTS", "FLOWER_BASIC_AUTH"}


def wait_for(look: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Return the first true answer of `look`; a platform that is down for a moment counts as no answer."""
    until = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < until:
        try:
            found = look()
        except (httpx.TransportError, psutil.NoSuchProcess) as error:
            last = error
        else:
            if found:
                return found
            last = found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}; the last look gave {last!r}")


def free_port() -> int:
    """Return a port on which nobody listens, below those that the system lends to outgoing connections."""
    for port in secrets.SystemRandom().sample(range(15_000, 32_000), 50):
        with socket.socket() as door:
            try:
                door.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("50 ports in a row were taken")


def new_database(server: str) -> str:
    """Create an empty database on a PostgreSQL server; return its URL."""
    name = f"journey_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server.rpartition('/')[0]}/{name}"


@cache
def migrated_database() -> Path:
    """Make a migrated SQLite file, once in this process: most of what a first start takes is the same for every platform."""
    maker = RunningPlatform(Path(tempfile.mkdtemp(prefix="mlplatform-migrated-")))
    atexit.register(_remove, maker.folder, os.getpid())
    maker.environment.pop("DATABASE_URL", None)
    done = maker.manage("migrate", "-v0")
    assert done.returncode == 0, done.stderr
    with maker.witness() as witness:
        witness.change("DELETE FROM core_instance")  # each installation has an id of its own
    return maker.database


def _remove(folder: Path, maker: int) -> None:
    if os.getpid() == maker:  # a fork ends too
        shutil.rmtree(folder, ignore_errors=True)


class RunningPlatform:
    """One `manage.py up` and the facts it wrote down.

    Its first start finds a migrated SQLite file without a row of anybody's, unless it begins `from_nothing`.
    """

    def __init__(self, folder: Path, *, from_nothing: bool = False, **environment: str) -> None:
        self.folder, self.var, self.models = folder, folder / "var", folder / "ml_models"
        self.database, self.from_nothing = self.var / "db.sqlite3", from_nothing
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        if server := inherited.pop("DATABASE_URL", ""):
            inherited["DATABASE_URL"] = new_database(server)
        self.environment = {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "mlplatform.settings.local",
            "MLPLATFORM_VAR": str(self.var),
            "ML_MODELS_DIR": str(self.models),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self.output = folder / "up.log"
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, *options: str) -> "subprocess.Popen[bytes]":
        """Start `manage.py up` and return at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.from_nothing or "DATABASE_URL" in self.environment or self.database.exists()):
            self.var.mkdir(mode=0o700, exist_ok=True)
            shutil.copyfile(migrated_database(), self.database)
            self.database.chmod(0o600)  # as `up` makes it
        command = [sys.executable, "manage.py", "up", *(options or ("--no-demo", "--port", str(free_port())))]
        with self.output.open("ab") as output:
            return subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def manage(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run one of the platform's commands to its end."""
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def start(self, *options: str, seconds: float = 150.0) -> "RunningPlatform":
        """Start and return once every process is up and the web server answers."""
        began = time.time() - 2.0
        self.process = self.launch(*options)
        wait_for(lambda: self._is_up(began), seconds=seconds, what="the platform to be up")
        return self

    def _is_up(self, began: float) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"`up` ended with {self.process.returncode}:\n{self.printed()[-4000:]}"
        if not (self.var / "quickstart.json").exists():
            return False
        pids = [pid for pid in self.facts["processes"].values() if pid]
        if not all(psutil.pid_exists(pid) and psutil.Process(pid).create_time() >= began for pid in pids):
            return False
        return httpx.get(f"{self.url}/healthz").status_code == 200

    def printed(self) -> str:
        """Return what `up` has said."""
        return self.output.read_text(errors="replace")

    @property
    def facts(self) -> dict[str, Any]:
        """What `up` wrote down when all was ready."""
        facts: dict[str, Any] = json.loads((self.var / "quickstart.json").read_text())
        return facts

    @property
    def url(self) -> str:
        return str(self.facts["url"]).rstrip("/")

    def process_of(self, role: str) -> psutil.Process:
        return psutil.Process(self.facts["processes"][role])

    def kill(self, role: str, signum: int = signal.SIGKILL) -> int:
        """Send a signal to a process by its role; return the pid that got it."""
        process = self.process_of(role)
        process.send_signal(signum)
        return process.pid

    def wait_for_replacement(self, role: str, dead: int, *, seconds: float = 60.0) -> None:
        """Wait until another process has the role, and lives."""

        def replaced() -> bool:
            pid = self.facts["processes"][role]
            return bool(pid and pid != dead and psutil.Process(pid).is_running())

        wait_for(replaced, seconds=seconds, what=f"a new {role} in place of {dead}")

    def training_children(self) -> list[psutil.Process]:
        """Return the processes that train, or wait to: children of the training worker."""
        below = self.process_of("training").children(recursive=True)
        return [process for process in below if "apps.training.child" in process.cmdline()]

    @property
    def broker_url(self) -> str:
        """The address that the workers were given."""
        return str(self.process_of("training").environ()["REDIS_URL"])

    def family(self) -> list[psutil.Process]:
        """`up` and all that it started, alive."""
        found = {process.pid: process for process in psutil.process_iter() if self._is_ours(process)}
        if self.process is not None and self.process.poll() is None:
            parent = psutil.Process(self.process.pid)
            found |= {process.pid: process for process in [parent, *parent.children(recursive=True)]}
        return list(found.values())

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("MLPLATFORM_VAR") == str(self.var)
        except psutil.Error:
            return False

    def stop(self, signum: int = signal.SIGINT, *, seconds: float = 30.0) -> float:
        """Ask `up` to stop; return how long it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signum)
        self.process.wait(seconds)
        return time.monotonic() - began

    def end(self) -> None:
        """Leave nothing, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for process in self.family():
            process.kill()

    def witness(self) -> Witness:
        """Open the platform's database for somebody who does not share its code."""
        return Witness(self.environment.get("DATABASE_URL") or self.database)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those still running; one that has ended and is not yet reaped counts as gone."""
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
