"""One reader of the event log for all who watch a campaign in this process, whatever they watch through."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django import db

from apps.training.models import TrainingCampaign
from apps.training.selectors import campaign_as_json, last_seq

logger = logging.getLogger(__name__)
_POLL_SECONDS = 0.4
_FINAL = {TrainingCampaign.Status.COMPLETED, TrainingCampaign.Status.FAILED, TrainingCampaign.Status.CANCELLED}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A campaign as it stood at event `seq`."""

    seq: int
    body: dict[str, Any]

    @property
    def is_final(self) -> bool:
        """Say whether nothing will follow."""
        return self.body["status"] in _FINAL


def snapshot(campaign_id: UUID, after: int = -1) -> Snapshot | None:
    """Return the campaign at its newest event, None when there is nothing newer than `after`; raise when it is gone."""
    seq = last_seq(campaign_id)
    if 0 < seq <= after:
        return None
    campaign = TrainingCampaign.objects.select_related("version", "dataset_version").get(pk=campaign_id)
    return Snapshot(seq, {**campaign_as_json(campaign), "seq": seq}) if seq > after else None


@dataclass
class _Followed:
    """The newest snapshot of one campaign, and those who wait for the next."""

    newest: Snapshot | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watchers: int = 0
    is_gone: bool = False
    task: "asyncio.Task[None] | None" = None


_watches: dict[tuple[int, UUID], _Followed] = {}


async def follow(campaign_id: UUID, after: int) -> AsyncIterator[Snapshot]:
    """Give each newer snapshot of a campaign, the final one last."""
    key = (id(asyncio.get_running_loop()), campaign_id)
    watch = _watches.setdefault(key, _Followed())
    watch.watchers += 1
    if watch.task is None:
        watch.task = asyncio.create_task(_poll(campaign_id, watch))
    seen = after
    try:
        while True:
            changed, newest = watch.changed, watch.newest
            if newest is not None and newest.seq > seen:
                seen = newest.seq
                yield newest
            if watch.is_gone or (newest is not None and newest.is_final):
                return
            await changed.wait()
    finally:
        watch.watchers -= 1
        if watch.watchers == 0:
            watch.task.cancel()
            _watches.pop(key, None)


async def _poll(campaign_id: UUID, watch: _Followed) -> None:
    while watch.newest is None or not watch.newest.is_final:
        after = watch.newest.seq if watch.newest else -1
        try:
            found = await database_sync_to_async(snapshot, thread_sensitive=False)(campaign_id, after)
        except TrainingCampaign.DoesNotExist:
            watch.is_gone = True
            watch.changed.set()
            return
        except db.Error as error:
            logger.warning("The database does not answer; watchers of campaign %s wait: %s", campaign_id, error)
            found = None
        if found is not None:
            watch.newest = found
            changed, watch.changed = watch.changed, asyncio.Event()
            changed.set()
        await asyncio.sleep(_POLL_SECONDS)
