"""One machine, embedded defaults: SQLite, a broker of our own, a secret made at the first start."""

from mlplatform.settings.base import *  # noqa: F403
from mlplatform.settings.secret import local_secret

SECRET_KEY = local_secret(VAR_DIR)  # noqa: F405
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *ALLOWED_HOSTS]  # noqa: F405
CSRF_TRUSTED_ORIGINS = ["http://127.0.0.1", "http://localhost"]

# `manage.py up` notes where its own broker answers, so that other commands find it.
_broker_note = VAR_DIR / "broker" / "url"  # noqa: F405
if "REDIS_URL" not in env.ENVIRON and _broker_note.exists():  # noqa: F405
    CELERY_BROKER_URL = _broker_note.read_text()
