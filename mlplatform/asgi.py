"""The ASGI application: pages, API and event streams by Django, WebSockets by Channels."""

import os
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.local")

if os.environ.get("MLPLATFORM_SUPERVISED"):
    # The server's own processes do not notice the death of their parent; the port would stay taken.
    from apps.core.children import die_with_parent

    die_with_parent(os.getppid())

import django

django.setup(set_prefix=False)

from channels.auth import AuthMiddlewareStack  # noqa: E402  (needs the apps to be loaded)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.conf import settings  # noqa: E402

from apps.core.metrics import count_together  # noqa: E402
from apps.predictions.api.fast import Application, ShortWay  # noqa: E402
from apps.predictions.api.lifespan import lifespan  # noqa: E402
from apps.training.api.routing import websocket_urlpatterns  # noqa: E402
from mlplatform.bodies import BoundedBodies, SpoolingHandler  # noqa: E402

count_together(settings.METRICS_DIR)

_sockets = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
_sockets_of_our_pages = AllowedHostsOriginValidator(_sockets)


async def _websocket(scope: Any, receive: Any, send: Any) -> None:
    """Check where a page comes from; a program sends no origin, and no browser leaves it out."""
    from_page = any(name == b"origin" for name, _ in scope["headers"])
    await (_sockets_of_our_pages if from_page else _sockets)(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": BoundedBodies(ShortWay(cast("Application", SpoolingHandler()))),
        "websocket": _websocket,
        "lifespan": lifespan,
    }
)
