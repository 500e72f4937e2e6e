"""The project: settings, Celery, URLs, servers and the supervisor. It sees every app; no app imports it."""

from mlplatform.celery import app as celery_app

__all__ = ["celery_app"]
