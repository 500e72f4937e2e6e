"""Loaded predictors of this process: few, checked before their first use, swapped as aliases move."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, cast
from uuid import UUID

import orjson
from django.db import transaction

from apps.algorithms.predictors import load_predictor
from apps.algorithms.results import Forecaster, Predictor
from apps.algorithms.schema import Task
from apps.predictions.models import TrafficSplit
from apps.registry.files import verify_version
from apps.registry.models import Alias, ModelVersion
from apps.registry.selectors import version_folder
from apps.workspaces.subjects import pseudonym, subject_text

MOST_PREDICTORS = 64
MOST_BYTES = 1024**3
MOST_CHAMPIONS = 10_000
REMEMBER_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Subjects:
    """The column of a version's rows that says whose data each is; it is logged as a pseudonym."""

    column: str
    workspace_id: UUID

    def hidden(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the rows as they are logged."""
        return [
            {**row, self.column: pseudonym(self.workspace_id, row[self.column]) or None} if self.column in row else row
            for row in rows
        ]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A predictor with the version it serves."""

    predictor: Predictor
    version_id: UUID
    number: int
    workspace_id: UUID
    subjects: "Subjects | None" = None

    @property
    def forecaster(self) -> Forecaster | None:
        """The predictor if it answers what comes next."""
        return cast("Forecaster", self.predictor) if self.predictor.task == Task.FORECAST else None


class PredictorCache:
    """Least recently used predictors by version id; one load at a time a version.

    Versions are immutable, so what is loaded never goes stale; a version that is no longer asked for is dropped when
    room is needed. Files are checked against the signed checksums on load, and then mapped, not copied.
    """

    def __init__(self, *, most: int = MOST_PREDICTORS, most_bytes: int = MOST_BYTES) -> None:
        self._loaded: OrderedDict[UUID, Loaded] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: dict[UUID, threading.Lock] = {}
        self._most, self._most_bytes = most, most_bytes

    def get(self, version_id: UUID) -> Loaded:
        """Return the predictor of a version, loading it when needed; raise `ArtifactDamaged` for files that changed."""
        with self._lock:
            found = self._loaded.get(version_id)
            if found is not None:
                self._loaded.move_to_end(version_id)
                return found
            gate = self._loading.setdefault(version_id, threading.Lock())
        with gate:
            with self._lock:
                found = self._loaded.get(version_id)
            if found is None:
                found = _load(ModelVersion.objects.select_related("model").get(pk=version_id))
                self._keep(found)
        return found

    def peek(self, version_id: UUID) -> Loaded | None:
        """Return the predictor of a version if it is loaded."""
        with self._lock:
            return self._loaded.get(version_id)

    def _keep(self, loaded: Loaded) -> None:
        with self._lock:
            self._loaded[loaded.version_id] = loaded
            self._loading.pop(loaded.version_id, None)
            while len(self._loaded) > 1 and (len(self._loaded) > self._most or self._bytes() > self._most_bytes):
                self._loaded.popitem(last=False)

    def _bytes(self) -> int:
        return sum(one.predictor.size_bytes for one in self._loaded.values())

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._loaded.clear()


def _load(version: ModelVersion) -> Loaded:
    verify_version(version, below="predictor/")
    column = version.evaluation.get("subject_column")
    subjects = Subjects(column, version.model.workspace_id) if column else None
    return Loaded(
        load_predictor(version_folder(version) / "predictor"),
        version.pk,
        version.number,
        version.model.workspace_id,
        subjects,
    )


predictors = PredictorCache()


@dataclass(frozen=True, slots=True)
class Split:
    """An A/B comparison: which share of the requests the challenger answers."""

    id: UUID
    challenger_id: UUID
    share: float

    def takes(self, unit: bytes) -> bool:
        """Say whether the challenger answers a unit: the same one always, and of many units the share."""
        digest = blake2b(unit, digest_size=8, key=self.id.bytes).digest()
        return int.from_bytes(digest) < self.share * 2**64


@dataclass(frozen=True, slots=True)
class Champion:
    """Which version answers for a model, beside which challenger, and whose model it is."""

    workspace_id: UUID
    version_id: UUID
    until: float
    split: Split | None = None

    def version_for(self, rows: object, subject: object) -> UUID:
        """Return which version answers a request."""
        takes = self.split is not None and self.split.takes(unit_of(rows, subject))
        return self.split.challenger_id if takes and self.split is not None else self.version_id


def open_split(model_id: UUID, champion_id: UUID) -> Split | None:
    """Read the A/B comparison that is open beside this champion; one from before another was live meanwhile is over."""
    live = Alias.objects.filter(model_id=model_id, name=Alias.Name.CHAMPION, until__isnull=True)
    found = TrafficSplit.objects.filter(
        model_id=model_id,
        champion_id=champion_id,
        mode=TrafficSplit.Mode.AB,
        ended_at__isnull=True,
        began_at__gte=live.values("since")[:1],
    )
    row = found.values_list("pk", "challenger_id", "share").first()
    return None if row is None else Split(*row)


def unit_of(rows: object, subject: object) -> bytes:
    """Return what a request sticks to a version by: its subject, else what its first row holds."""
    if isinstance(subject, str) and (text := subject_text(subject)):
        return text.encode(errors="surrogatepass")
    first = rows[0] if isinstance(rows, list) and rows else rows
    try:
        return orjson.dumps(first, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        return b""  # what no row can be: it is refused by either version


class RecentChampions:
    """The champions of models asked a moment ago.

    Who promotes and then asks the same process is answered by the new champion; other processes follow within `REMEMBER_SECONDS`.
    """

    def __init__(self) -> None:
        self._known: dict[UUID, Champion] = {}

    def get(self, model_id: UUID) -> Champion | None:
        """Return a champion that was read a moment ago."""
        known = self._known.get(model_id)
        return known if known is not None and known.until > time.monotonic() else None

    def remember(self, model_id: UUID) -> None:
        """Read the champion of a model that is in service, and keep it for a moment."""
        now = Alias.objects.filter(
            model_id=model_id, name=Alias.Name.CHAMPION, until__isnull=True, model__archived_at__isnull=True
        )
        found = now.values_list("model__workspace_id", "version_id").first()
        if len(self._known) > MOST_CHAMPIONS:
            self._known.clear()
        if found is not None:
            workspace_id, version_id = found
            until, split = time.monotonic() + REMEMBER_SECONDS, open_split(model_id, version_id)
            self._known[model_id] = Champion(workspace_id, version_id, until, split)

    def forget_with_commit(self, model_id: UUID) -> None:
        """Read the champion anew once what changes now is committed."""
        transaction.on_commit(lambda: self._known.pop(model_id, None))


champions = RecentChampions()
