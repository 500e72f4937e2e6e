"""The end of a web process: a server that gets SIGTERM runs no `atexit`, but it says goodbye to the application."""

import asyncio
from typing import Any

from apps.predictions.api.fast import Receive, Send
from apps.predictions.recorder import recorder


async def lifespan(_scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer ASGI's lifespan messages; write the prediction log before the process ends."""
    while True:
        message = await receive()
        ends = message["type"] == "lifespan.shutdown"
        if ends:
            await asyncio.to_thread(recorder.close)
        await send({"type": f"{message['type']}.complete"})
        if ends:
            return
