"""Runs one campaign in a child process, and outlives whatever happens to it.

The child does the work; this side renews the lease, watches for cancel, shutdown and limits, and turns the child's end
into words. A spare child, its imports done, waits for the next campaign and is used once.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from types import FrameType
from uuid import UUID

from django import db
from django.conf import settings
from django.db import close_old_connections

from apps.core.children import thread_limits
from apps.core.logs import add_ids
from apps.core.processes import identity
from apps.training import lifecycle
from apps.training.engine.words import death_words, memory_words
from apps.training.lifecycle import Claim
from apps.training.models import TrainingCampaign
from apps.training.staging import remove_staging

logger = logging.getLogger(__name__)
_TICK_SECONDS = 0.25
_RENEW_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_STOP_SECONDS = 5.0
_SHUTDOWN_PATIENCE = 2.0
EXIT_OK, EXIT_MEMORY, EXIT_LEASE_LOST = 0, 70, 71

shutting_down = threading.Event()


def heed_signals() -> None:
    """Have SIGQUIT and SIGINT end the running child at once.

    Celery tells of a cold shutdown only after its own wait, and cannot end a task of a thread pool: without this, a
    worker that gets SIGQUIT hangs until the training ends.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGQUIT, signal.SIGINT):
            _heed(number)


def _heed(number: int) -> None:
    before = signal.getsignal(number)

    def handle(received: int, frame: FrameType | None) -> None:
        shutting_down.set()
        if callable(before):
            before(received, frame)

    signal.signal(number, handle)


@dataclass
class _Spares:
    """At most one child that waits, imports done."""

    waiting: "subprocess.Popen[bytes] | None" = None

    def take(self) -> "subprocess.Popen[bytes]":
        """Return a live child and leave none waiting."""
        spare, self.waiting = self.waiting, None
        if spare is not None and spare.poll() is None:
            return spare
        return start_child()

    def refill(self) -> None:
        """Start the next spare, unless the worker is going down."""
        if self.waiting is None and settings.TRAINING_KEEP_SPARE and not shutting_down.is_set():
            self.waiting = start_child()

    def dismiss(self) -> None:
        """End the spare."""
        if self.waiting is not None:
            self.waiting.kill()
            self.waiting.wait()
            self.waiting = None


spares = _Spares()


def start_child() -> "subprocess.Popen[bytes]":
    """Start a child that imports the libraries and waits for a job on its standard input."""
    environment = {**os.environ, **thread_limits(settings.TRAINING_THREADS)}
    command = [sys.executable, "-m", "apps.training.child", str(os.getpid())]
    return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, cwd=settings.BASE_DIR, start_new_session=True)


def run(campaign_id: UUID) -> bool:
    """Claim a campaign and see it through; False when it is not to be had, or the worker is going down."""
    close_old_connections()
    if shutting_down.is_set():
        return False
    claim = lifecycle.claim(campaign_id, identity())
    if claim is None:
        return False
    add_ids(campaign=campaign_id, attempt=claim.attempt)  # not always the one that the message names
    remove_staging(campaign_id)
    child = spares.take()
    try:
        verdict = _watch(claim, _hand_over(child, claim))
    finally:
        _stop(child)
    spares.refill()
    _settle(claim, child.returncode, verdict)
    return True


def _hand_over(child: "subprocess.Popen[bytes]", claim: Claim) -> "subprocess.Popen[bytes]":
    assert child.stdin is not None
    job = {"campaign": str(claim.campaign_id), "token": str(claim.token), "attempt": claim.attempt}
    try:
        child.stdin.write(json.dumps(job).encode() + b"\n")
        child.stdin.flush()
    except BrokenPipeError:
        logger.warning("The child for campaign %s died before it began.", claim.campaign_id)
    return child


def _watch(claim: Claim, child: "subprocess.Popen[bytes]") -> str:
    """Wait for the child's end, or for a reason to end it; return "ended", "cancel", "time", "lost" or "shutdown"."""
    watch = _Watch(claim, *[time.monotonic()] * 3)
    while True:
        try:
            child.wait(timeout=_TICK_SECONDS)
        except subprocess.TimeoutExpired:
            if verdict := watch.reason_to_end(time.monotonic()):
                return verdict
        else:
            return "ended"


@dataclass
class _Watch:
    """When a run began, when its lease was last renewed, and when its cancel flag was last looked at."""

    claim: Claim
    began: float
    renewed: float
    looked: float

    def reason_to_end(self, now: float) -> str | None:
        """Renew the lease when it is time; say why the child must end, if it must."""
        if shutting_down.is_set():
            return "shutdown"
        if now - self.began > settings.TRAINING_TIME_SECONDS:
            return "time"
        try:
            return self._cancelled(now) or self._lost(now)
        except db.Error:
            close_old_connections()
            # After that long somebody else may run it: two must never go on.
            return "lost" if now - self.renewed > settings.TRAINING_LEASE_SECONDS else None

    def _cancelled(self, now: float) -> str | None:
        if now - self.looked <= _LOOK_SECONDS:
            return None
        self.looked = now
        return "cancel" if _cancel_requested(self.claim.campaign_id) else None

    def _lost(self, now: float) -> str | None:
        if now - self.renewed <= _RENEW_SECONDS:
            return None
        if not lifecycle.renew(self.claim.campaign_id, self.claim.token):
            return "lost"
        self.renewed = now
        return None


def _cancel_requested(campaign_id: UUID) -> bool:
    asked = TrainingCampaign.objects.filter(pk=campaign_id).values_list("cancel_requested", flat=True).first()
    return asked is not False  # a deleted row is to be stopped too


def _stop(child: "subprocess.Popen[bytes]") -> None:
    if child.stdin is not None:
        with contextlib.suppress(BrokenPipeError):  # closing flushes what a dead child did not take
            child.stdin.close()
    if child.poll() is None:
        _signal(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_STOP_SECONDS)
    _signal(child, signal.SIGKILL)
    child.wait()


def _signal(child: "subprocess.Popen[bytes]", number: int) -> None:
    """Signal the child and whatever it started: it leads a session of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the group is empty (macOS: not permitted)
        os.killpg(child.pid, number)


def _settle(claim: Claim, code: int, verdict: str) -> None:
    campaign_id, token = claim.campaign_id, claim.token
    if verdict == "cancel":
        lifecycle.cancel_running(campaign_id, token)
    elif verdict == "shutdown":
        reason = "The worker was stopped; the training starts again when it is back."
        lifecycle.give_back(campaign_id, token, reason=reason, is_death=False)
    elif verdict == "time":
        limit = settings.TRAINING_TIME_SECONDS
        words = f"The training took more than the {limit} seconds allowed. Use fewer rows, fewer trees, or ask for a higher limit."
        lifecycle.fail(campaign_id, token, reason=words)
    elif code == EXIT_MEMORY:
        lifecycle.fail(campaign_id, token, reason=memory_words())
    elif verdict == "ended" and code not in {EXIT_OK, EXIT_LEASE_LOST}:
        lifecycle.give_back(campaign_id, token, reason=death_words(code), is_death=not _ended_with_the_machine(code))
    elif verdict == "ended" and code == EXIT_OK:
        reason = "The training process ended without a result."
        lifecycle.give_back(campaign_id, token, reason=reason, is_death=True)  # nothing to do where it did end well
    remove_staging(campaign_id, attempt=claim.attempt)  # another run may have a newer attempt's folder by now


def _ended_with_the_machine(code: int) -> bool:
    """Say whether a service manager that stops all processes together reached the child before this worker."""
    return code == -signal.SIGTERM and shutting_down.wait(_SHUTDOWN_PATIENCE)
