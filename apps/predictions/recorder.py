"""Writes the prediction log behind the answers: a bounded queue, one thread, batches; nothing is dropped."""

import atexit
import logging
import os
import queue
import threading
import time

from django.db import close_old_connections, connections

from apps.predictions.models import PredictionLog

logger = logging.getLogger(__name__)
_ROOM = 2_000
_BATCH = 200
_PAUSE_SECONDS = 0.2
_RETRY_SECONDS = 1.0


class Recorder:
    """One process's writer; starts its thread at the first entry, also after a fork."""

    def __init__(self) -> None:
        self._queue: queue.Queue[PredictionLog] = queue.Queue(maxsize=_ROOM)
        self._waiting: dict[object, PredictionLog] = {}
        self._lock = threading.Lock()
        self._pid = 0

    def record(self, entry: PredictionLog) -> None:
        """Take an entry; when the queue is full the caller writes it itself, so that none is lost."""
        self._start()
        try:
            self._waiting[entry.pk] = entry
            self._queue.put_nowait(entry)
        except queue.Full:
            self._write([entry])

    def find(self, log_id: object) -> PredictionLog | None:
        """Return an entry that is not written yet."""
        return self._waiting.get(log_id)

    def flush(self) -> None:
        """Write what waits, in the caller's thread."""
        while batch := self._take():
            self._write(batch)

    def _start(self) -> None:
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="prediction-log", daemon=True).start()
                atexit.register(self.flush)

    def _run(self) -> None:
        while True:
            time.sleep(_PAUSE_SECONDS)
            while batch := self._take():
                self._write_until_done(batch)
            connections.close_all()

    def _take(self) -> list[PredictionLog]:
        batch: list[PredictionLog] = []
        while len(batch) < _BATCH:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _write_until_done(self, batch: list[PredictionLog]) -> None:
        while True:
            try:
                self._write(batch)
            except Exception:
                logger.exception("%d entries of the prediction log wait to be written", len(batch))
                close_old_connections()
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _write(self, batch: list[PredictionLog]) -> None:
        PredictionLog.objects.bulk_create(batch, ignore_conflicts=True)
        for entry in batch:
            self._waiting.pop(entry.pk, None)


recorder = Recorder()
