"""This process's own application on a real port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tests.journeys.running import free_port, wait_for


@contextmanager
def served() -> Iterator[str]:
    """Serve it; give its address."""
    from mlplatform.asgi import application

    port = free_port()
    running = uvicorn.Server(uvicorn.Config(application, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=running.run)
    thread.start()
    wait_for(lambda: running.started, seconds=20, what="the server")
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(20)
