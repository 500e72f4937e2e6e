"""`manage.py up`: the whole platform on this machine, until Ctrl-C."""

import fcntl
import json
import logging
import os
import signal
import sys
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import IO, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from mlplatform.demo import show_first_model
from mlplatform.supervisor.accounts import Account, first_account, write_facts
from mlplatform.supervisor.box import box
from mlplatform.supervisor.broker import choose_broker
from mlplatform.supervisor.plan import STOP_ORDER, WEB_PORT, Addresses, plan_parts
from mlplatform.supervisor.processes import Part, Supervisor, rotate

logger = logging.getLogger(__name__)
_READY_SECONDS = 90.0
_STOP_SECONDS = 8.5
_OWNER_ALONE = 0o077
_TICK_SECONDS = 0.5


class Command(BaseCommand):
    """Start broker, workers, beat, Flower and web; keep them alive; stop them together."""

    help = "Start the whole platform on this machine and keep it running until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to listen, and whether to seed demo data."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=WEB_PORT)
        parser.add_argument("--no-demo", action="store_true", help="Do not seed demo data or train a first model.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal comes."""
        self.stopping, self.kept, self.stopped = threading.Event(), threading.Event(), threading.Event()
        self.began = time.monotonic()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        var = Path(settings.VAR_DIR)
        os.umask(_OWNER_ALONE)  # sessions, logs and uploads are nobody else's on this machine
        var.chmod(0o777 & ~_OWNER_ALONE)
        with _only_one(var):
            call_command("migrate", verbosity=0)
            self._run(var, options)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping.set()

    def _run(self, var: Path, options: dict[str, Any]) -> None:
        path = var / "quickstart.json"
        account = first_account(path)
        try:
            broker = choose_broker(var)
        except RuntimeError as error:
            raise CommandError(str(error)) from error
        parts, addresses = plan_parts(
            broker=broker, var=var, host=options["host"], port=options["port"], flower_password=account.flower_password
        )
        if (found := urlsplit(addresses.web).port) != options["port"]:
            self._say(f"Port {options['port']} is taken; the web server listens on {found}.")
        connections.close_all()
        supervisor = Supervisor(parts)
        self._say(f"Broker: {broker.kind}.")
        keeper = threading.Thread(target=self._keep, args=(supervisor, addresses, account, path), daemon=True)
        try:
            self._start(parts)
            if not self.stopping.is_set():
                self._write_down(path, supervisor, addresses, account)
                keeper.start()
                if account.api_key and not options["no_demo"]:
                    show_first_model(addresses.web, account, self._say, self.stopping, var / "demo-shown")
            if not self.stopping.is_set():
                self._say(box(addresses, account, var / "logs"))
                self.stopping.wait()
        finally:
            self.stopping.set()
            self._say("Stopping…")
            if keeper.is_alive():
                self.kept.wait(timeout=5)
            supervisor.stop(STOP_ORDER, _STOP_SECONDS)
            self.stopped.set()
            self._say("Stopped; nothing is left running.")

    def _start(self, parts: list[Part]) -> None:
        broker = [part for part in parts if part.name == "broker"]
        for group in (broker, [part for part in parts if part.name != "broker"]):
            for part in group:
                part.start()
            for part in group:
                self._await(part)

    def _await(self, part: Part) -> None:
        if self.stopping.is_set() or part.wait_ready(_READY_SECONDS):
            self._say(f"  {part.name:<9} ready after {time.monotonic() - self.began:.1f} s")
            return
        last = part.log.read_text(errors="replace")[-2000:] if part.log.exists() else ""
        raise CommandError(f"{part.name} did not become ready. The end of its log, {part.log}:\n{last}")

    def _keep(self, supervisor: Supervisor, addresses: Addresses, account: Account, path: Path) -> None:
        written = supervisor.pids()
        while not self.stopping.wait(_TICK_SECONDS):
            try:
                if restarted := supervisor.revive():
                    self._say(f"Restarted: {', '.join(restarted)}.")
                if supervisor.pids() != written:
                    self._write_down(path, supervisor, addresses, account)
                    written = supervisor.pids()
                for part in supervisor.parts:
                    rotate(part.log)
            except OSError:  # a full disk, most likely; parts must be revived all the same
                logger.exception("The platform goes on")
        self.kept.set()
        self.stopped.wait()  # a part restarted here would be killed by the kernel as soon as this thread ends

    def _write_down(self, path: Path, supervisor: Supervisor, addresses: Addresses, account: Account) -> None:
        pids = supervisor.pids()
        write_facts(path, url=addresses.web, flower_url=addresses.flower, account=account, processes=pids)

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        sys.stdout.flush()


def _runs_already(var: Path, pid: str) -> str:
    facts = var / "quickstart.json"
    where = f" at {json.loads(facts.read_text())['url']}" if facts.exists() else ""
    return f"The platform runs here already{where} (process {pid})."


class _only_one:  # noqa: N801  (reads as a context)
    """Let one supervisor run in a folder; the lock ends with its process, however that ends."""

    def __init__(self, var: Path) -> None:
        self.path = var / "up.lock"
        self.file: IO[str] | None = None

    def __enter__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.path.open("a+")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.file.seek(0)
            raise CommandError(_runs_already(self.path.parent, self.file.read().strip())) from error
        self.file.seek(0)
        self.file.truncate()
        self.file.write(str(os.getpid()))
        self.file.flush()

    def __exit__(self, *exc: object) -> None:
        if self.file is not None:
            self.file.close()
