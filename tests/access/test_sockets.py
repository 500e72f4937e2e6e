"""The WebSocket doors: the same eight callers, the same rule as the event stream's."""

import asyncio
import uuid
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import Client

from apps.core.permissions import Role, Scope
from apps.training.api.routing import websocket_urlpatterns
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key, revoke_key
from tests.access.rules import CALLERS
from tests.cast import Cast, make_cast
from tests.factories import make_campaign, make_model

RULES = {"ws/campaigns/<uuid:pk>/": Role.VIEWER}
ANONYMOUS, STRANGER = 4401, 4404


def test_every_socket_has_a_rule():
    assert {str(item.pattern) for item in websocket_urlpatterns} == RULES.keys()


async def told(campaign_id: Any, headers: dict[str, str], query: str = "") -> int | str:
    """Return the first thing that a socket tells: the state of the campaign, or the code that it is closed with."""
    from mlplatform.asgi import application

    pairs = [(b"host", b"testserver"), *((name.encode(), value.encode()) for name, value in headers.items())]
    path = f"/ws/campaigns/{campaign_id}/"
    scope = {"type": "websocket", "path": path, "query_string": query.encode(), "headers": pairs, "subprotocols": []}
    socket = ApplicationCommunicator(application, scope)
    await socket.send_input({"type": "websocket.connect"})
    first = await socket.receive_output(timeout=20)
    assert first["type"] == "websocket.accept"
    second = await socket.receive_output(timeout=20)
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(timeout=20)
    code: int = second.get("code", 0)
    return "told" if f'"id":"{campaign_id}"' in second.get("text", "") else code


def headers_of(cast: Cast) -> dict[str, dict[str, str]]:
    """Return how each caller comes: all by key, the owner by session too."""
    found: dict[str, dict[str, str]] = {"anonymous": {}}
    for caller in ("stranger", *Role.values):
        _, clear = issue_key(user=getattr(cast, caller), workspace=None, name="x", scope=Scope.READ, actor=SYSTEM)
        found[caller] = {"authorization": f"Bearer {clear}"}
    dead, clear = issue_key(user=cast.owner, workspace=None, name="x", scope=Scope.ADMIN, actor=SYSTEM)
    revoke_key(key=dead, actor=SYSTEM)
    found["revoked"] = {"authorization": f"Bearer {clear}"}
    return found


def session_of(user: Any) -> dict[str, str]:
    browser = Client()
    browser.force_login(user)
    return {"cookie": f"sessionid={browser.cookies['sessionid'].value}", "origin": "http://testserver"}


@pytest.mark.django_db(transaction=True)
def test_each_caller_is_told_or_closed_as_the_rule_says():
    cast = make_cast()
    campaign = make_campaign(make_model(cast.acme), status=TrainingCampaign.Status.CANCELLED)
    headers, nobody_s = headers_of(cast), uuid.uuid4()
    by_session = {caller: session_of(getattr(cast, caller)) for caller in ("stranger", "owner")}
    clear = headers["owner"]["authorization"].removeprefix("Bearer ")

    async def scene() -> dict[str, Any]:
        seen = {caller: await told(campaign.pk, headers[caller]) for caller in CALLERS}
        seen |= {f"{caller} by session": await told(campaign.pk, by_session[caller]) for caller in by_session}
        seen |= {f"{caller} of nothing": await told(nobody_s, headers[caller]) for caller in ("stranger", "owner")}
        seen["key in the address"] = await told(campaign.pk, {}, f"token={clear}&access_token={clear}")
        return seen

    seen = asyncio.run(asyncio.wait_for(scene(), 60))

    assert seen == {
        **dict.fromkeys(("anonymous", "revoked", "key in the address"), ANONYMOUS),
        **dict.fromkeys(("stranger", "stranger by session", "stranger of nothing", "owner of nothing"), STRANGER),
        **dict.fromkeys((*Role.values, "owner by session"), "told"),
    }
