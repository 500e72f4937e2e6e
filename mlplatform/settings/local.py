"""One machine, embedded defaults: SQLite, a broker of our own, a secret made at the first start."""

from mlplatform.settings.base import *
from mlplatform.settings.secret import local_secret

SECRET_KEY = local_secret(VAR_DIR)
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *ALLOWED_HOSTS]
CSRF_TRUSTED_ORIGINS = ["http://127.0.0.1", "http://localhost"]

# `manage.py up` notes where its own broker answers, so that other commands find it.
_broker_note = VAR_DIR / "broker" / "url"
if "REDIS_URL" not in env.ENVIRON and _broker_note.exists():
    CELERY_BROKER_URL = _broker_note.read_text()
