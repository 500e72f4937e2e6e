"""Made-up requests from the committed description of the API, and what is wrong with the answers to them."""

import contextlib
import itertools
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
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
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
CALLERS = {"owner": 6, "viewer": 4, "anonymous": 2}  # how often each asks one operation in one way before the next
EDGES = 6  # how many of them the owner sends in each turn
MAY_BE_DOWN = "GET /readyz"  # no worker runs here, and this route is there to say so
_CHECKS = [status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
_SECONDS = 30.0


class Findings:
    """What was answered, and each fault once with how often it came and the first request that showed it."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, int]] = Counter()
        self.faults: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, fault: str, how: str) -> None:
        self.faults[fault] += 1
        self._first.setdefault(fault, how)

    def told(self) -> str:
        statuses: Counter[int] = Counter()
        for (_, status), count in self.answered.items():
            statuses[status] += count
        let_in = {label for label, status in self.answered if status < 300}
        shut = sorted({label for label, status in self.answered if status != 405} - let_in)
        parts = [", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))]
        parts += [f"never a success: {', '.join(shut)}"] if shut else []
        parts += [f"{count} x {fault}\n    {self._first[fault]}" for fault, count in self.faults.most_common()]
        return "\n".join(parts if self.faults else [*parts, "no findings"])


@contextlib.contextmanager
def served(log: Path) -> Iterator[str]:
    """Run the web server beside this process; give its address."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "mlplatform.asgi:application", "--port", str(port), "--log-level", "warning"]
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=output, stderr=output)
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


class Asking:
    """Requests to one server, made from a description of it."""

    def __init__(self, url: str, description: Path, known: Known | None = None, only: str = "") -> None:
        self._schema = schemathesis.openapi.from_path(description)
        operations = [found.ok() for found in self._schema.get_all_operations()]
        self.operations = [operation for operation in operations if only in operation.label]
        assert self.operations, f"no operation's name holds {only!r}"
        self._edges = {operation.label: self._edges_of(operation) for operation in self.operations}
        self.url, self.known, self.findings, self.sent = url, known, Findings(), 0
        self._session = requests.Session()

    def _edges_of(self, operation: Any) -> Iterator[Case]:
        """Give each bound of each parameter and field, a little beside it, and methods that are not described."""
        config = self._schema.config.generation_for(operation=operation)
        return self._schema.iter_coverage_cases(operation, generation_modes=list(GenerationMode), generation_config=config)

    def ask(self, *, requests: int, seed: int) -> None:
        """Send so many, a few to each operation in turn."""
        turn = 0
        while self.sent < requests:
            for operation in self.operations:
                for case in itertools.islice(self._edges[operation.label], min(EDGES, requests - self.sent)):
                    self._send(case, "owner", self.sent, whole=case.meta.generation.mode is GenerationMode.POSITIVE)
                for mode in GenerationMode:
                    for caller, at_once in CALLERS.items():
                        most = min(at_once, requests - self.sent)
                        self._ask_some(operation, mode, caller, most=most, seed=f"{seed}.{turn}")
            turn += 1

    def _ask_some(self, operation: Any, mode: GenerationMode, caller: str, *, most: int, seed: str) -> None:
        """Send up to `most` requests; fewer where there are no more ways to ask."""
        if not most:
            return

        @hypothesis.seed(f"{seed}.{operation.label}.{mode.value}.{caller}")
        @hypothesis.settings(
            max_examples=most, database=None, deadline=None, phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode), which=st.integers(0, 10_000))
        def send(case: Case, which: int) -> None:
            self._send(case, caller, which)

        with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # nothing of this operation can be wrong
            send()

    def _send(self, case: Case, caller: str, which: int, *, whole: bool = True) -> None:
        self.sent += 1
        if self.known is not None:
            self.known.put_into(case, which, whole=whole)
        self._look(case, caller)

    def _look(self, case: Case, caller: str) -> None:
        label = case.operation.label
        key = self.known.world.keys.get(caller) if self.known is not None else None
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        sent = {"base_url": self.url, "headers": headers, "session": self._session}
        try:
            answer: Response = case.call(**sent, timeout=_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            self.findings.add(f"{label}: no answer", f"{_how(case, caller)} -> {error!r}")
            return
        self.findings.answered[f"{case.method} {case.operation.path}", answer.status_code] += 1
        for fault in self._faults(case, caller, answer):
            self.findings.add(f"{label}: {answer.status_code}{fault}", f"{_how(case, caller)} -> {answer.text[:300]}")

    @staticmethod
    def _faults(case: Case, caller: str, answer: Response) -> Iterator[str]:
        if answer.status_code >= 500 and case.operation.label != MAY_BE_DOWN:
            yield ""
        if caller == "anonymous" and answer.status_code < 400 and any(case.operation.definition.raw.get("security", [])):
            yield " for nobody"
        try:
            case.validate_response(answer, checks=_CHECKS)
        except FailureGroup as group:
            yield from (f": {' '.join(str(failure).split())[:300]}" for failure in group.exceptions)


def _how(case: Case, caller: str) -> str:
    return f"{caller}: {case.as_curl_command()[:1500]}"
