"""Algorithms that misbehave in every way a training can, for the supervisor's tests."""

import ctypes
import os
import resource
import signal
import time
from typing import Any, ClassVar

import numpy as np

from apps.algorithms.services.random_forest import RandomForestService


class _Odd(BaseException):
    pass


class Killed(RandomForestService):
    slug: ClassVar[str] = "poison_killed"
    title: ClassVar[str] = "Killed"

    def _fit(self, table: Any, progress: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Segfault(RandomForestService):
    slug: ClassVar[str] = "poison_segfault"
    title: ClassVar[str] = "Segfault"

    def _fit(self, table: Any, progress: Any) -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        ctypes.string_at(0)


class Exits(RandomForestService):
    slug: ClassVar[str] = "poison_exits"
    title: ClassVar[str] = "Exits"

    def _fit(self, table: Any, progress: Any) -> None:
        os._exit(7)


class Raises(RandomForestService):
    """Raises the exception whose place in the list is the number of trees less 10."""

    slug: ClassVar[str] = "poison_raises"
    title: ClassVar[str] = "Raises"

    def _fit(self, table: Any, progress: Any) -> None:
        kinds = [MemoryError, SystemExit, KeyboardInterrupt, _Odd, ValueError]
        place = self.parameters["n_estimators"] - 10
        if place == len(kinds):
            self._fit(table, progress)  # RecursionError
        raise kinds[place]("a secret path /var/lib")


class Greedy(RandomForestService):
    slug: ClassVar[str] = "poison_greedy"
    title: ClassVar[str] = "Greedy"

    def _fit(self, table: Any, progress: Any) -> None:
        held = []
        while True:
            held.append(np.ones(16 * 1024**2))


class Endless(RandomForestService):
    """Never ends, hears nothing, and ignores a polite request to stop."""

    slug: ClassVar[str] = "poison_endless"
    title: ClassVar[str] = "Endless"

    def _fit(self, table: Any, progress: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        progress(0.1, "fitting")
        while True:
            time.sleep(0.05)


class Chatty(RandomForestService):
    """Reports ten thousand times, then learns."""

    slug: ClassVar[str] = "poison_chatty"
    title: ClassVar[str] = "Chatty"

    def _fit(self, table: Any, progress: Any) -> None:
        for step in range(10_000):
            progress(step / 20_000, "fitting", step=step, metrics={"loss": 1.0 / (step + 1)})
        super()._fit(table, lambda *a, **k: None)
        progress(1.0, "fitting", step=10_000, metrics={"loss": 0.5})


class Pointed(RandomForestService):
    """Reports twelve points faster than they are written, one of which is no number."""

    slug: ClassVar[str] = "poison_pointed"
    title: ClassVar[str] = "Pointed"

    def _fit(self, table: Any, progress: Any) -> None:
        for step in range(12):
            progress(step / 12, "fitting", step=step, metrics={"loss": float("nan") if step == 11 else 1.0 / (step + 1)})
        super()._fit(table, lambda *a, **k: None)


class Slow(RandomForestService):
    """Takes three seconds more than it needs."""

    slug: ClassVar[str] = "poison_slow"
    title: ClassVar[str] = "Slow"

    def _fit(self, table: Any, progress: Any) -> None:
        progress(0.1, "fitting")
        time.sleep(3)
        super()._fit(table, progress)
