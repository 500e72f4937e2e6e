"""What stands in for a training: real processes that learn nothing."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from django.db import OperationalError

from apps.core.processes import identity
from apps.training import lifecycle, supervision
from apps.training.models import TrainingCampaign

READ_THE_JOB = "import json, os, signal, sys, time; job = json.loads(sys.stdin.readline());"
SLEEP = f"{READ_THE_JOB} time.sleep(60)"


def become(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have the children do this instead of a training; they are started, led and ended as ever."""

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", "-c", code]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)

    monkeypatch.setattr(supervision, "start_child", start)


def run(campaign: TrainingCampaign) -> TrainingCampaign:
    assert supervision.run(campaign.pk) is True
    campaign.refresh_from_db()
    return campaign


def claimed(campaign: TrainingCampaign) -> lifecycle.Claim:
    claim = lifecycle.claim(campaign.pk, identity())
    assert claim is not None
    return claim


def last_message(campaign: TrainingCampaign) -> str:
    return campaign.events.order_by("-seq")[0].message


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(*_given: Any) -> bool:
    raise OperationalError("gone")
