"""Child processes: started with a log of their own, restarted when they die, dead when their parent is."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlplatform.supervisor.probes import Probe

logger = logging.getLogger(__name__)
_LARGEST_LOG = 20 * 1024**2
_MANY_DEATHS = 5
_HEALTHY_SECONDS = 10.0  # who has run so long starts afresh
_LONGEST_PAUSE = 15.0


@dataclass
class Part:
    """One process of the platform."""

    name: str
    command: list[str]
    log: Path
    ready: Probe
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: int = signal.SIGTERM
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    deaths: int = 0
    resting_until: float = 0.0

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        guarded = [sys.executable, "-m", "mlplatform.supervisor.guard", str(os.getpid()), *self.command]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                guarded,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self.started_at = time.monotonic()

    @property
    def pid(self) -> int:
        """The process id; 0 before the first start."""
        return self.process.pid if self.process else 0

    @property
    def alive(self) -> bool:
        """Say whether it runs."""
        return self.process is not None and self.process.poll() is None

    def wait_ready(self, seconds: float) -> bool:
        """Wait until its probe says yes; False when it died or took too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.alive:
            if self.ready():
                return True
            time.sleep(0.1)
        return False

    def signal_group(self, number: int) -> None:
        """Signal the process and what it started."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return

    def signal_leader(self, number: int) -> None:
        """Signal the process alone."""
        if self.alive and self.process is not None:
            self.process.send_signal(number)


class Supervisor:
    """Keeps parts alive."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts

    def pids(self) -> dict[str, int]:
        """Return each part's process id."""
        return {part.name: part.pid for part in self.parts}

    def revive(self) -> list[str]:
        """Restart what died, with pauses that grow while it dies again and again. Return what was restarted."""
        now, restarted = time.monotonic(), []
        for part in self.parts:
            if part.alive:
                continue
            if part.resting_until == 0.0:
                self._count_death(part, now)
            if now >= part.resting_until:
                part.resting_until = 0.0
                part.signal_group(signal.SIGKILL)  # what a dead leader left behind
                part.start()
                restarted.append(part.name)
        return restarted

    def _count_death(self, part: Part, now: float) -> None:
        code = part.process.returncode if part.process else None
        logger.warning("%s died (%s); see %s", part.name, code, part.log)
        part.deaths = 1 if now - part.started_at >= _HEALTHY_SECONDS else part.deaths + 1
        pause = 0.01 if part.deaths == 1 else min(_LONGEST_PAUSE, 2.0 ** (part.deaths - 1))
        part.resting_until = now + pause
        if part.deaths >= _MANY_DEATHS:
            text = "%s died %d times in a row; the next try is in %.0f s. Its log %s says why."
            logger.error(text, part.name, part.deaths, pause, part.log)

    def stop(self, groups: list[list[str]], seconds: float) -> None:
        """Stop group after group within `seconds` in all, then kill what is left."""
        by_name = {part.name: part for part in self.parts}
        deadline = time.monotonic() + seconds
        for place, names in enumerate(groups):
            parts = [by_name[name] for name in names if name in by_name]
            for part in parts:
                part.signal_leader(part.stop_signal)
            share = (deadline - time.monotonic()) / (len(groups) - place)
            _wait_all(parts, time.monotonic() + max(0.5, share))
            for part in parts:
                part.signal_group(signal.SIGKILL)
            for part in parts:
                if part.process is not None:
                    part.process.wait()


def _wait_all(parts: list[Part], deadline: float) -> None:
    while time.monotonic() < deadline and any(part.alive for part in parts):
        time.sleep(0.05)


def rotate(log: Path) -> None:
    """Keep a running process's log from filling the disk: copy it aside, where there is room for that, and empty it."""
    if log.exists() and log.stat().st_size > _LARGEST_LOG:
        aside = log.with_suffix(".log.1")
        try:
            aside.write_bytes(log.read_bytes())
        except OSError:
            aside.unlink(missing_ok=True)
        os.truncate(log, 0)
