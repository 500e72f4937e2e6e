"""The WSGI application, for servers without WebSockets and event streams (the pages then poll)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.local")

application = get_wsgi_application()

from django.conf import settings  # noqa: E402  (needs the apps to be loaded)

from apps.core.metrics import count_together  # noqa: E402

count_together(settings.METRICS_DIR)
