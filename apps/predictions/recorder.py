"""Writes the prediction log behind the answers, in batches, from one thread a process.

What is taken is written: also after the database was away, and when the process ends in order (`close`). What the database
refuses for itself (not for being away) is set aside: its id is logged and counted, and the others are written. Lost is what
waits in a process that is killed: what came in the last fifth of a second, or since the database went away. Room is
bounded; without room nothing is taken, and the caller writes its entry before it answers.
"""

import atexit
import logging
import os
import threading
import time
from collections import deque

from django.contrib.auth import get_user_model
from django.db import InterfaceError, InternalError, OperationalError, connections, transaction

from apps.predictions.metrics import NOT_LOGGED
from apps.predictions.models import PredictionLog

logger = logging.getLogger(__name__)
_ROOM = 2_000
_ROOM_ROWS = 200_000  # entries differ in size by four orders of magnitude
_BATCH = 200
_BATCH_ROWS = 20_000
_PAUSE_SECONDS = 0.2
_RETRY_SECONDS = 1.0
_CLOSE_SECONDS = 5.0
# The database is away, busy, or read-only while it fails over: no fault of the entry.
_PASSING = (OperationalError, InterfaceError, InternalError)


class Recorder:
    """One process's writer; starts its thread at the first entry, also after a fork."""

    def __init__(self, *, room: int = _ROOM, room_rows: int = _ROOM_ROWS) -> None:
        self._room, self._room_rows = room, room_rows
        self._queue: deque[PredictionLog] = deque()
        self._waiting: dict[object, PredictionLog] = {}
        self._rows = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self.set_aside = 0

    def has_room(self) -> bool:
        """Say whether an entry would be taken now."""
        return len(self._waiting) < self._room and self._rows < self._room_rows and not self._closing.is_set()

    def offer(self, entry: PredictionLog) -> bool:
        """Take an entry to be written behind; False when there is no room."""
        self._start()
        with self._lock:
            if not self.has_room():
                return False
            self._waiting[entry.pk] = entry
            self._rows += entry.row_count
            self._queue.append(entry)
        return True

    def record(self, entry: PredictionLog) -> None:
        """Take an entry, or write it here and now when there is no room; not for an event loop."""
        if not self.offer(entry):
            self._write([entry])

    def find(self, log_id: object) -> PredictionLog | None:
        """Return an entry that is not written yet."""
        return self._waiting.get(log_id)

    def flush(self) -> None:
        """Write what waits, in the caller's thread."""
        while batch := self._take():
            self._write(batch)

    def close(self) -> None:
        """Take no more, and let the thread write what it holds and what waits; entries a dead database keeps are lost."""
        with self._lock:  # whoever was told that there is room has handed in his entry
            self._closing.set()
        if self._thread is not None and self._thread.is_alive() and self._pid == os.getpid():
            self._thread.join(_CLOSE_SECONDS)
        if self._waiting:
            logger.error("%d predictions are not logged: the database did not answer before the end", len(self._waiting))

    def _start(self) -> None:
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _run(self) -> None:
        while not self._closing.wait(_PAUSE_SECONDS):
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        while batch := self._take():
            self._write_until_done(batch)
        connections.close_all()

    def _take(self) -> list[PredictionLog]:
        batch: list[PredictionLog] = []
        rows = 0
        with self._lock:
            while self._queue and len(batch) < _BATCH and rows < _BATCH_ROWS:
                batch.append(self._queue.popleft())
                rows += batch[-1].row_count
        return batch

    def _write_until_done(self, batch: list[PredictionLog]) -> None:
        while batch:
            try:
                self._write(batch)
            except _PASSING as error:
                logger.warning("%d entries of the prediction log wait to be written: %s", len(self._waiting), error)
                connections.close_all()
                time.sleep(_RETRY_SECONDS)
            batch = [entry for entry in batch if entry.pk in self._waiting]

    def _write(self, batch: list[PredictionLog]) -> None:
        """Write a batch; what is refused is written singly, and what is refused singly is set aside."""
        try:
            _insert(batch)
        except _PASSING:
            raise
        except Exception:
            if len(batch) > 1:
                for entry in batch:
                    self._write([entry])
            elif _forget_deleted_user(batch[0]):
                self._write(batch)
            else:
                self.set_aside += 1
                NOT_LOGGED.inc()
                logger.exception("Prediction %s is not logged; %d are set aside so far", batch[0].pk, self.set_aside)
        self._forget(batch)

    def _forget(self, batch: list[PredictionLog]) -> None:
        with self._lock:
            for entry in batch:
                if self._waiting.pop(entry.pk, None) is not None:
                    self._rows -= entry.row_count


def _insert(batch: list[PredictionLog]) -> None:
    with transaction.atomic():
        PredictionLog.objects.bulk_create(batch, ignore_conflicts=True)


def _forget_deleted_user(entry: PredictionLog) -> bool:
    """Do what the deletion did to the entries that were written before it."""
    if entry.user_id is None or get_user_model().objects.filter(pk=entry.user_id).exists():
        return False
    entry.user_id = None
    return True


recorder = Recorder()
