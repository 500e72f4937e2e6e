"""The web server as the platform starts it."""

import subprocess
from pathlib import Path

import httpx
import pytest

from mlplatform.supervisor.broker import Broker
from mlplatform.supervisor.plan import plan_parts
from tests.journeys.running import free_port, wait_for

SHOWS_ITS_CALLER = """
async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["client"][0].encode()})
"""


@pytest.mark.slow
def test_no_caller_chooses_the_address_it_is_counted_by(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(SHOWS_ITS_CALLER)
    broker = Broker("redis://127.0.0.1:1/0", None, "none")
    parts, places = plan_parts(broker=broker, var=tmp_path, host="127.0.0.1", port=free_port(), flower_password="x")
    command = next(list(part.command) for part in parts if part.name == "web")
    command[command.index("mlplatform.asgi:application")] = "shown:application"

    server = subprocess.Popen([*command, "--app-dir", str(tmp_path)])
    try:
        asked = {"X-Forwarded-For": "192.0.2.1"}
        answer = wait_for(lambda: httpx.get(places.web, headers=asked), seconds=30, what="the web server")
    finally:
        server.terminate()
        server.wait(timeout=20)

    assert answer.text == "127.0.0.1"
