"""Celery's settings: those of Django that are meant for it, under Celery's own names.

Given the whole of Django's settings, a worker would tell them to whoever may ask, Flower among them: the broker's
password too, as Celery hides `broker_url` under that name only.
"""

from django.conf import settings

_PREFIX = "CELERY_"
ONLY_CELERYS = {
    name.removeprefix(_PREFIX).lower(): getattr(settings, name) for name in dir(settings) if name.startswith(_PREFIX)
}
