"""The WSGI application, for servers without WebSockets and event streams (the pages then poll)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.local")

application = get_wsgi_application()
