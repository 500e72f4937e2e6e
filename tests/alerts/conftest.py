"""A real server that takes what is posted to it, and channels that lead there."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest

from apps.alerts.actions import create_channel
from apps.alerts.models import Channel
from apps.workspaces.access import SYSTEM
from tests.cast import Cast


@dataclass
class Post:
    """What was posted."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Receiver:
    """Takes posts and answers as it is told: one status after another, the last again and again."""

    port: int = 0
    posts: list[Post] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/services/T0/zq-url-secret", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"


def serve(receiver: Receiver) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            names = {name.lower(): value for name, value in self.headers.items()}
            receiver.posts.append(Post(self.path, names, body))
            receiver.arrived.set()
            receiver.gate.wait(10)
            status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"zq-answered")

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """Return a server that the operator allows, though it is on this machine."""
    found = Receiver()
    found.gate.set()
    server = serve(found)
    settings.OUTBOUND_ALLOW_HOSTS = [f"127.0.0.1:{found.port}"]
    yield found
    found.gate.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def channel_to(cast: Cast) -> Any:
    """Return a maker of channels of acme."""

    def make(kind: str, address: str, **fields: Any) -> Channel:
        given = {"name": f"{kind} of acme", "least_severity": "info", **fields, "address": address}
        return create_channel(workspace=cast.acme, kind=kind, fields=given, actor=SYSTEM).channel

    return make
