"""Which process is it, and is it surely gone? For rows that name the process that works on them."""

import os
import socket
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

_PROC = Path("/proc")
_START_TICKS = 19  # field 22 of /proc/<pid>/stat, counted behind the name in brackets


def identity(pid: int | None = None) -> dict[str, Any]:
    """Return what tells a process (this one by default) from every other, on this machine and elsewhere."""
    chosen = os.getpid() if pid is None else pid
    return {"machine": _machine(), "pid": chosen, "born": _born(chosen)}


def is_gone(owner: Mapping[str, Any]) -> bool:
    """Say whether the process of an `identity` has surely ended; one on another machine cannot be known."""
    if owner.get("machine") != _machine():
        return False
    try:
        return bool(_born(owner["pid"]) != owner["born"])
    except psutil.NoSuchProcess:
        return True


@lru_cache(maxsize=1)
def _machine() -> str:
    """Name the boot and the container: two containers may share a host name, and count their processes apart."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()} {boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _born(pid: int) -> float:
    """Return when a process began, by a clock that nobody sets: a corrected wall clock must not make it another one."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return psutil.Process(pid).create_time()
    return float(stat.rpartition(")")[2].split()[_START_TICKS])
