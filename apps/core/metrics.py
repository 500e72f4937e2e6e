"""What Prometheus is told: what web processes count, and what is looked up when it asks.

An app adds figures of the second kind with `tells`, from its `ready()`: they are read from the database or the broker, so
they are true over processes and restarts, and they are remembered for a while, so that who asks often costs nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import redis
from django import db
from kombu.exceptions import OperationalError
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from apps.core import clock
from apps.core.shared_counts import count_in

logger = logging.getLogger(__name__)
Figures = Callable[[], Iterable[Metric]]
SOON, LATER = 5.0, 60.0  # seconds that a figure is remembered: one that costs next to nothing, one that reads a table
_AWAY = (db.Error, OperationalError, redis.RedisError, OSError)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

counted = CollectorRegistry()
REQUESTS = Histogram(
    "mlplatform_http_request_seconds",
    "HTTP requests answered by the web processes, by route, and how long each took.",
    ["method", "route", "status"],
    registry=counted,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answered request; the route is its pattern, never an address, so that their number is bounded."""
    REQUESTS.labels(method if method in _METHODS else "other", route, str(status)).observe(seconds)


@dataclass
class _Told:
    """Figures of one kind, remembered."""

    of: str
    figures: Figures
    seconds: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    at: float = float("-inf")
    found: tuple[Metric, ...] | None = ()

    def now(self) -> tuple[Metric, ...] | None:
        """Return the figures; None while what they are read from is away."""
        with self.lock:
            if time.monotonic() - self.at > self.seconds:
                try:
                    self.found = tuple(self.figures())
                except _AWAY as error:
                    logger.warning("The figures of %s cannot be told: %s", self.of, error)
                    self.found = None
                self.at = time.monotonic()
            return self.found


class _Teller:
    """Every figure that is looked up."""

    def __init__(self) -> None:
        self.kinds: dict[str, _Told] = {}
        self.shared: Path | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield what each app tells, and what could not be told."""
        missing = GaugeMetricFamily(
            "mlplatform_figures_missing", "1 while figures of a kind cannot be looked up.", labels=["of"]
        )
        for of, told in sorted(self.kinds.items()):
            found = told.now()
            yield from found or ()
            missing.add_metric([of], float(found is None))
        yield missing


_teller = _Teller()


def tells(of: str, figures: Figures, *, remembered: float = SOON) -> None:
    """Have figures looked up when Prometheus asks; they are remembered for so many seconds."""
    _teller.kinds[of] = _Told(of, figures, remembered)


def count_together(folder: Path | None) -> None:
    """Have this web process count together with the others that use the folder."""
    if folder is not None and count_in(folder):
        _teller.shared = folder


def forget_figures() -> None:
    """Have every figure looked up again."""
    for told in _teller.kinds.values():
        told.at = float("-inf")


def exposition() -> bytes:
    """Return all figures in Prometheus' text format."""
    registry = CollectorRegistry()
    if _teller.shared is None:
        return generate_latest(counted) + _looked_up(registry)
    MultiProcessCollector(registry, path=str(_teller.shared))  # type: ignore[no-untyped-call]
    return _looked_up(registry)


def _looked_up(registry: CollectorRegistry) -> bytes:
    registry.register(_teller)
    return generate_latest(registry)


def gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    """Return an empty figure of the platform."""
    return GaugeMetricFamily(f"mlplatform_{name}", words, labels=list(labels))


def counts(name: str, words: str, label: str, found: Mapping[str, int], known: Iterable[str]) -> GaugeMetricFamily:
    """Return how many there are of each kind, those of which there are none too."""
    figure = gauge(name, words, label)
    for kind in known:
        figure.add_metric([kind], found.get(kind, 0))
    return figure


def oldest(name: str, words: str, since: datetime | None) -> GaugeMetricFamily:
    """Return for how long the oldest has waited; 0 when none waits."""
    figure = gauge(name, words)
    figure.add_metric([], max(0.0, (clock.now() - since).total_seconds()) if since else 0.0)
    return figure
