"""Made-up requests from the committed description of the API, and what is wrong with the answers to them."""

import contextlib
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import requests
import schemathesis
from django.core.management import call_command
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzz.known import Known
from tests.journeys.running import free_port

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "docs" / "openapi.json"
CHECKS = [status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
MAY_BE_DOWN = "GET /readyz"  # no worker runs here, and this route is there to say so
_AT_ONCE = 6  # of one operation, in one way, by one caller
_SECONDS = 30.0


class Findings:
    """Each fault once, with how often it came and the first request that showed it."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()

    def add(self, what: str, how: str) -> None:
        self.count[what] += 1
        self.first.setdefault(what, how)

    def told(self) -> str:
        parts = [f"{count} x {what}\n    {self.first[what]}" for what, count in self.count.most_common()]
        return "\n".join(parts) or "no findings"


def ask(folder: Path, *, requests: int, seed: int, only: str = "") -> int:
    """Send so many requests; return 1 when an answer was wrong."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    call_command("migrate", verbosity=0)
    known, findings, began = Known(), Findings(), time.monotonic()
    with served(folder) as url:
        sent = _ask_all(url, known, findings, requests=requests, seed=seed, only=only)
    told = (folder / "web.log").read_text(errors="replace")
    if "Traceback" in told:
        findings.add("the server logged a traceback", told[told.index("Traceback") :][:3000])
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(findings.statuses.items()))
    print(f"{sent} requests, seed {seed}, {time.monotonic() - began:.0f} s; {statuses}\n{findings.told()}")
    return 1 if findings.count else 0


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Run the web server beside this process; give its address."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "mlplatform.asgi:application", "--port", str(port), "--log-level", "warning"]
    with (folder / "web.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(server, url)
            yield url
        finally:
            server.terminate()
            server.wait(30)


def _wait(server: "subprocess.Popen[bytes]", url: str) -> None:
    for _ in range(300):
        assert server.poll() is None, "the web server ended"
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/healthz").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the web server does not answer")


def _ask_all(url: str, known: Known, findings: Findings, *, requests: int, seed: int, only: str) -> int:
    schema = schemathesis.openapi.from_path(SCHEMA)
    operations = [found.ok() for found in schema.get_all_operations()]
    operations = [operation for operation in operations if only in operation.label]
    callers = {name: known.world.keys[name] for name in ("owner", "viewer")} | {"anonymous": None}
    sent, turn = 0, 0
    while sent < requests:
        for number, operation in enumerate(operations):
            for mode in GenerationMode:
                for caller, key in callers.items():
                    most = min(_AT_ONCE, requests - sent)
                    at = f"{seed}.{turn}.{number}.{mode.value}.{caller}"
                    sent += _ask_some(url, operation, mode, known, findings, key=key, most=most, seed=at) if most else 0
        turn += 1
    return sent


def _ask_some(
    url: str,
    operation: Any,
    mode: GenerationMode,
    known: Known,
    findings: Findings,
    *,
    key: str | None,
    most: int,
    seed: str,
) -> int:
    """Send up to `most` requests; fewer where there are no more ways to ask."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    sent = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=most, database=None, deadline=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), which=st.none() | st.integers(0, 1_000))
    def send(case: Any, which: int | None) -> None:
        nonlocal sent
        if which is not None:
            known.put_into(case, which)
        sent += 1
        _look(case, url, headers, findings)

    try:
        send()
    except hypothesis.errors.Unsatisfiable:  # nothing of this operation can be wrong
        return sent
    return sent


def _look(case: Any, url: str, headers: dict[str, str], findings: Findings) -> None:
    label = case.operation.label
    try:
        response: Response = case.call(base_url=url, headers=headers, timeout=_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        findings.add(f"{label}: no answer", f"{error!r} to {case.as_curl_command(headers)}")
        return
    findings.statuses[response.status_code] += 1
    if response.status_code >= 500 and label != MAY_BE_DOWN:
        findings.add(f"{label}: {response.status_code}", f"{case.as_curl_command(headers)} -> {response.text[:300]}")
    try:
        case.validate_response(response, checks=CHECKS, headers=headers)
    except FailureGroup as group:
        for failure in group.exceptions:
            what = " ".join(str(failure).split())[:300]
            findings.add(f"{label}: {response.status_code}: {what}", case.as_curl_command(headers)[:1500])
