"""The live doors of a campaign: the stream, the WebSocket, and what its watchers cost."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.test import AsyncClient

from apps.training import lifecycle
from apps.training.models import TrainingCampaign
from tests.training.scenes import key_of, running, waiting


async def blocks(response: Any) -> AsyncIterator[dict[str, Any]]:
    """Parse a stream of server-sent events."""
    text = ""
    async for part in response.streaming_content:
        text += part.decode()
        while "\n\n" in text:
            block, text = text.split("\n\n", 1)
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "data" in fields:
                yield {**json.loads(fields["data"]), "id": int(fields["id"]), "event": fields["event"]}


def stream_path(campaign: TrainingCampaign) -> str:
    return f"/api/v1/campaigns/{campaign.pk}/events/"


@pytest.mark.django_db(transaction=True)
def test_the_stream_follows_a_campaign_to_its_end_and_resumes(cast):
    campaign, claim = running(cast.acme)
    header = {"authorization": f"Bearer {key_of(cast.viewer)}", "accept": "text/event-stream"}

    async def scene() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
        client = AsyncClient()
        response = await client.get(stream_path(campaign), headers=header)
        assert response["Content-Type"].startswith("text/event-stream")
        seen, source = [], blocks(response)
        seen.append(await asyncio.wait_for(anext(source), 10))
        await sync_to_async(lifecycle.report)(
            campaign.pk, claim.token, progress=0.5, stage="fitting", step=1, metrics={"loss": 0.5}
        )
        seen.append(await asyncio.wait_for(anext(source), 10))
        await sync_to_async(lifecycle.fail)(campaign.pk, claim.token, reason="It broke.")
        seen += [block async for block in source]
        resumed = await client.get(stream_path(campaign), headers={**header, "last-event-id": str(seen[-2]["id"])})
        ended = await client.get(stream_path(campaign) + f"?after={seen[-1]['id']}", headers=header)
        return seen, [block async for block in blocks(resumed)], [block async for block in blocks(ended)]

    seen, resumed, ended = asyncio.run(asyncio.wait_for(scene(), 30))

    assert [block["id"] for block in seen] == sorted({block["id"] for block in seen})
    assert all(block["seq"] == block["id"] and block["event"] == "campaign" for block in seen)
    assert seen[1]["history"] == [{"step": 1, "loss": 0.5}]
    assert (seen[-1]["status"], seen[-1]["error"]) == ("failed", "It broke.")
    assert resumed == seen[-1:]
    assert ended == []


@pytest.mark.django_db(transaction=True)
def test_a_hundred_watchers_that_leave_cost_one_poller_and_leave_none(cast):
    from apps.training.api import live

    campaign, _ = running(cast.acme)

    async def scene() -> tuple[int, int]:
        before = len(asyncio.all_tasks())
        watchers = [live.follow(campaign.pk, -1) for _ in range(100)]
        firsts = await asyncio.gather(*(anext(watcher) for watcher in watchers))
        assert {first.seq for first in firsts} == {2}
        during = len(asyncio.all_tasks()) - before
        for watcher in watchers:
            await watcher.aclose()
        await asyncio.sleep(0)
        return during, len(asyncio.all_tasks()) - before

    during, after = asyncio.run(asyncio.wait_for(scene(), 30))

    assert (during, after) == (1, 0)


class Socket:
    """The client's side of a WebSocket to the ASGI application (Channels' own wants a server that is not installed)."""

    def __init__(
        self, campaign_id: Any, *, key: str = "", query: str = "", origin: str | None = "http://testserver"
    ) -> None:
        from mlplatform.asgi import application

        headers = [(b"host", b"testserver")]
        if origin:
            headers.append((b"origin", origin.encode()))
        if key:
            headers.append((b"authorization", f"Token {key}".encode()))
        scope = {
            "type": "websocket", "path": f"/ws/campaigns/{campaign_id}/", "query_string": query.encode(),
            "headers": headers, "subprotocols": [],
        }  # fmt: skip
        self._server = ApplicationCommunicator(application, scope)

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._server.receive_output(timeout=10)
        return message

    async def connect(self) -> dict[str, Any]:
        await self._server.send_input({"type": "websocket.connect"})
        return await self.next()

    async def snapshot(self) -> dict[str, Any]:
        return json.loads((await self.next())["text"])

    async def leave(self) -> None:
        await self._server.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._server.wait(timeout=5)

    async def closing_code(self) -> int:
        """Return the code that the server closes with; 403 for a refused handshake."""
        first = await self.connect()
        if first["type"] == "websocket.accept":
            first = await self.next()
            assert first["type"] == "websocket.close"
            code: int = first["code"]
        else:
            code = 403
        await self.leave()
        return code


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("origin", ["http://testserver", None])
def test_the_socket_pushes_the_same_snapshots_and_resumes(cast, origin):
    campaign, claim = running(cast.acme)
    key = key_of(cast.viewer)

    async def scene() -> list[dict[str, Any]]:
        for nonsense in ("after=%C2%B2", "after=--5", "after=" + "9" * 40):  # as if nothing were given
            socket = Socket(campaign.pk, key=key, query=nonsense, origin=origin)
            assert (await socket.connect())["type"] == "websocket.accept"
            assert (await socket.snapshot())["seq"] == 2
            await socket.leave()
        socket = Socket(campaign.pk, key=key, query="after=1", origin=origin)
        assert (await socket.connect())["type"] == "websocket.accept"
        seen = [await socket.snapshot()]
        await sync_to_async(lifecycle.fail)(campaign.pk, claim.token, reason="It broke.")
        seen.append(await socket.snapshot())
        assert (await socket.next())["type"] == "websocket.close"
        await socket.leave()
        return seen

    seen = asyncio.run(scene())

    assert [(message["seq"], message["status"]) for message in seen] == [(2, "training"), (3, "failed")]


@pytest.mark.django_db(transaction=True)
def test_the_socket_is_closed_to_anonymous_callers_strangers_and_foreign_pages(cast):
    campaign = waiting(cast.acme)
    stranger, member = key_of(cast.stranger), key_of(cast.viewer)

    async def scene() -> list[int]:
        return [
            await Socket(campaign.pk).closing_code(),
            await Socket(campaign.pk, key="mlp_00000000_wrong").closing_code(),
            await Socket(campaign.pk, key=stranger).closing_code(),
            await Socket(uuid.uuid4(), key=member).closing_code(),
            await Socket(campaign.pk, key=member, origin="http://evil.example").closing_code(),
        ]

    codes = asyncio.run(scene())

    assert codes[:4] == [4401, 4401, 4404, 4404]
    assert codes[4] == 403


@pytest.mark.django_db(transaction=True)
def test_a_watcher_of_a_campaign_that_is_deleted_is_not_left_waiting(cast):
    from apps.training.api import live

    campaign, _ = running(cast.acme)

    async def scene() -> list[Any]:
        watcher = live.follow(campaign.pk, -1)
        await anext(watcher)
        await sync_to_async(TrainingCampaign.objects.filter(pk=campaign.pk).delete)()
        return [left async for left in watcher]

    assert asyncio.run(asyncio.wait_for(scene(), 8)) == []


@pytest.mark.django_db(transaction=True)
def test_watchers_go_on_after_the_database_was_away(cast, monkeypatch):
    from django.db import OperationalError

    from apps.training.api import live

    campaign, claim = running(cast.acme)
    real, fails = live.snapshot, [True]

    def flaky(*args: Any) -> Any:
        if fails:
            fails.clear()
            raise OperationalError("the database is away")
        return real(*args)

    async def scene() -> list[str]:
        watcher = live.follow(campaign.pk, -1)
        seen = [(await anext(watcher)).body["status"]]
        monkeypatch.setattr(live, "snapshot", flaky)
        await sync_to_async(lifecycle.fail)(campaign.pk, claim.token, reason="It broke.")
        return seen + [found.body["status"] async for found in watcher]

    assert asyncio.run(asyncio.wait_for(scene(), 8)) == ["training", "failed"]
