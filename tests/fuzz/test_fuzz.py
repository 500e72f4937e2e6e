"""Answers to made-up requests are those that the description of the API promises; a broken promise is seen."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from tests.fuzz.asking import Asking

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_thousand_made_up_requests_find_no_fault():
    command = [sys.executable, "-m", "tests.fuzz", "--requests", "2000", "--seed", "1"]

    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert told.returncode == 0, f"{told.stdout}\n{told.stderr}"
    assert "2000 requests" in told.stdout


ANSWERS = {  # one promise is kept; each other address breaks one of its own
    "/kept": ("200 OK", "application/json", b'{"count": 1}'),
    "/status": ("201 Created", "application/json", b'{"count": 1}'),
    "/kind": ("200 OK", "text/html", b'{"count": 1}'),
    "/body": ("200 OK", "application/json", b'{"count": "one"}'),
    "/header": ("429 Too Many Requests", "application/json", b"{}"),
    "/breaks": ("500 Internal Server Error", "application/json", b'{"count": 1}'),
    "/open": ("200 OK", "application/json", b'{"count": 1}'),
}


def unreliable(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer as a WSGI application."""
    if environ["REQUEST_METHOD"] != "GET":
        start_response("405 Method Not Allowed", [("Allow", "GET")])
        return []
    status, kind, body = ANSWERS[environ["PATH_INFO"]]
    start_response(status, [("Content-Type", kind)])
    return [body]


class Silent(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return what is found at a server that breaks promises."""
    description = tmp_path_factory.mktemp("fuzz") / "openapi.json"
    count = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
    waits = {"Retry-After": {"schema": {"type": "integer"}, "required": True}}
    answers = {
        "200": {"description": "", "content": {"application/json": {"schema": count}}},
        "429": {"description": "", "content": {"application/json": {"schema": {}}}, "headers": waits},
        "500": {"description": "", "content": {"application/json": {"schema": {}}}},
    }
    paths = {path: {"get": {"responses": answers, "security": [{"key": []}] if path == "/open" else []}} for path in ANSWERS}
    description.write_text(json.dumps({"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": paths}))
    server = make_server("127.0.0.1", 0, unreliable, handler_class=Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asking = Asking(f"http://127.0.0.1:{server.server_port}", description)
    asking.ask(requests=len(paths) * 20, seed=1)
    server.shutdown()
    server.server_close()
    return set(asking.findings.faults)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/status", "Undocumented status code"),
        ("/kind", "Undocumented Content-Type"),
        ("/body", "violates schema"),
        ("/header", "Missing required response headers"),
        ("/breaks", "500"),
        ("/open", "200 for nobody"),
    ],
)
def test_a_broken_promise_is_found(address, words, faults):
    assert [fault for fault in faults if f"GET {address}:" in fault and words in fault], "\n".join(faults)


def test_a_kept_promise_is_no_finding(faults):
    assert not [fault for fault in faults if "GET /kept:" in fault]
