"""The WebSocket door: the same snapshots as the event stream."""

import asyncio
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from apps.core.api.queries import WHOLE
from apps.core.api.renderers import dump_json
from apps.core.permissions import Act
from apps.training.api.live import follow
from apps.training.models import TrainingCampaign
from apps.workspaces.access import Access
from apps.workspaces.api.authentication import access_with_key, key_in
from apps.workspaces.selectors import access_of

CLOSE_ANONYMOUS, CLOSE_STRANGER = 4401, 4404


class CampaignConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels is not typed
    """Push a campaign's snapshots; `?after=SEQ` resumes."""

    task: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        """Let members in; others are closed with a code that says why."""
        await self.accept()
        campaign_id: UUID = self.scope["url_route"]["kwargs"]["pk"]
        access = await sync_to_async(self._access)()
        if access is None:
            await self.close(code=CLOSE_ANONYMOUS)
        elif not await sync_to_async(_may_read)(access, campaign_id):
            await self.close(code=CLOSE_STRANGER)
        else:
            self.task = asyncio.create_task(self._push(campaign_id, _after(self.scope)))

    async def disconnect(self, code: int) -> None:
        """Stop reading when the watcher is gone."""
        if self.task is not None:
            self.task.cancel()

    async def _push(self, campaign_id: UUID, after: int) -> None:
        async for snapshot in follow(campaign_id, after):
            await self.send(text_data=dump_json(snapshot.body).decode())
        await self.close()

    def _access(self) -> Access | None:
        headers = dict(self.scope["headers"])
        clear = key_in(headers.get(b"authorization", b"").decode("latin-1"))
        if clear is not None:
            return access_with_key(clear)
        user = self.scope.get("user")
        return access_of(user) if user is not None and user.is_authenticated else None


def _may_read(access: Access, campaign_id: UUID) -> bool:
    found = TrainingCampaign.objects.filter(pk=campaign_id).values_list("model__workspace_id", flat=True).first()
    return found is not None and access.may(Act.READ, found)


def _after(scope: dict[str, Any]) -> int:
    text = parse_qs(scope["query_string"].decode("latin-1")).get("after", ["-1"])[0]
    return int(text) if WHOLE.fullmatch(text) else -1
