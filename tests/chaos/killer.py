"""Seeded SIGKILLs and stops of every part of a running platform."""

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil

from tests.journeys.running import RunningPlatform
from tests.postgres import PrivatePostgres

# How often each is chosen; "child" is the process that trains, "web" one of the server's own processes.
WEIGHTS = {"child": 8, "training": 5, "trials": 1, "web": 4, "worker": 2, "upkeep": 2, "beat": 1, "broker": 3, "postgres": 2}
_FROZEN_SECONDS = (1.0, 6.0)


@dataclass
class Killer:
    """Kills one thing at a time, at moments that only the seed decides."""

    running: RunningPlatform
    seed: int
    pause: tuple[float, float]
    stopping: threading.Event
    postgres: PrivatePostgres | None = None
    done: Counter[str] = field(default_factory=Counter)

    def run(self, kills: int) -> None:
        """Strike each part once, then any, until so many kills are done."""
        chance = random.Random(self.seed)
        names = [name for name in WEIGHTS if name != "postgres" or self.postgres is not None]
        first = chance.sample(names, len(names))
        while sum(self.done.values()) < kills and not self.stopping.is_set():
            name = first.pop() if first else chance.choices(names, [WEIGHTS[each] for each in names])[0]
            frozen = chance.uniform(*_FROZEN_SECONDS) if chance.random() < 0.15 else 0.0
            with contextlib.suppress(psutil.Error, IndexError, KeyError, FileNotFoundError):
                self._strike(name, frozen, chance)
            self.stopping.wait(chance.uniform(*self.pause))

    def _strike(self, name: str, frozen: float, chance: random.Random) -> None:
        if name == "postgres":
            assert self.postgres is not None
            self.postgres.stop(signal.SIGQUIT)
            time.sleep(chance.uniform(0.5, 3.0))
            self.postgres.start()
            self.done["postgres: crash"] += 1
            return
        victim = self._victim(name, chance)
        if frozen:
            victim.send_signal(signal.SIGSTOP)
            time.sleep(frozen)
            victim.send_signal(signal.SIGCONT)
            self.done[f"{name}: frozen"] += 1
            return
        victim.kill()
        self.done[f"{name}: SIGKILL"] += 1

    def _victim(self, name: str, chance: random.Random) -> psutil.Process:
        if name == "child":
            return chance.choice(self.running.training_children())
        process = self.running.process_of(name)
        if name == "web" and (below := process.children()) and chance.random() < 0.7:
            return chance.choice(below)
        return process
