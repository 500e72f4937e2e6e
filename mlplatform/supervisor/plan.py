"""The parts of the platform and how each is started, probed and stopped."""

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from mlplatform.supervisor.broker import Broker
from mlplatform.supervisor.ports import free_port
from mlplatform.supervisor.probes import broker_answers, http_answers, log_says
from mlplatform.supervisor.processes import Part

WEB_PORT, FLOWER_PORT = 8888, 5555
WEB_PROCESSES = 2
STOP_ORDER = [["web", "flower", "beat"], ["training", "trials", "worker", "upkeep"], ["broker"]]
_CELERY = [sys.executable, "-m", "celery", "-A", "mlplatform"]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where people reach the platform."""

    web: str
    flower: str


def plan_parts(*, broker: Broker, var: Path, host: str, port: int, flower_password: str) -> tuple[list[Part], Addresses]:
    """Return the parts in the order in which they start."""
    logs = var / "logs"
    shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  (only compared with)
    web_port, flower_port = free_port(port, host), free_port(FLOWER_PORT)
    addresses = Addresses(web=f"http://{shown}:{web_port}", flower=f"http://127.0.0.1:{flower_port}")
    common = {"REDIS_URL": broker.url, "DJANGO_SETTINGS_MODULE": "mlplatform.settings.local", "PYTHONUNBUFFERED": "1"}
    parts = []
    if broker.command:
        ready = broker_answers(broker.url)
        parts.append(Part("broker", broker.command, logs / "broker.log", ready, common))
    slow = ",".join(queue for queue in settings.OTHER_QUEUES if queue != settings.UPKEEP_QUEUE)
    at_once = str(settings.SEARCH_TRIALS_AT_ONCE)
    for name, queues, pool in (
        ("training", settings.TRAINING_QUEUE, ["--pool=threads", "-c", "1"]),
        ("trials", settings.TRIALS_QUEUE, ["--pool=prefork", "-c", at_once, "--max-tasks-per-child=100"]),
        ("worker", slow, ["--pool=prefork", "-c", "2", "--max-tasks-per-child=200"]),
        ("upkeep", settings.UPKEEP_QUEUE, ["--pool=threads", "-c", "1"]),
    ):
        log = logs / f"{name}.log"
        command = [*_CELERY, "worker", "-Q", queues, *pool, "-n", f"{name}@%h", "-l", "INFO", "--without-mingle"]
        parts.append(Part(name, command, log, log_says(log, b" ready."), common))
    log = logs / "beat.log"
    schedule = ["beat", "-l", "INFO", "--pidfile="]
    parts.append(Part("beat", [*_CELERY, *schedule], log, log_says(log, b"beat: Starting"), common))
    flower = ["flower", "--address=127.0.0.1", f"--port={flower_port}", "--logging=warning"]
    secret = {**common, "FLOWER_BASIC_AUTH": f"admin:{flower_password}", "FLOWER_UNAUTHENTICATED_API": "false"}
    parts.append(Part("flower", [*_CELERY, *flower], logs / "flower.log", http_answers(f"{addresses.flower}/"), secret))
    web = [sys.executable, "-m", "uvicorn", "mlplatform.asgi:application", "--host", host, "--port", str(web_port)]
    web += ["--workers", str(WEB_PROCESSES), "--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "3"]
    web += ["--timeout-worker-healthcheck", "30"]  # a busy machine is no dead server
    web += ["--no-proxy-headers"]  # uvicorn takes any X-Forwarded-For of this machine's callers for their address
    alive = http_answers(f"{addresses.web}/healthz")
    supervised = {**common, "MLPLATFORM_SUPERVISED": "1"}
    parts.append(Part("web", web, logs / "web.log", alive, supervised, stop_signal=signal.SIGTERM))
    return parts, addresses
