"""Production: everything from the environment; refuses to start on a default or a missing secret."""

from django.core.exceptions import ImproperlyConfigured

from mlplatform.settings.base import *

SECRET_KEY = env.str("SECRET_KEY")
if len(SECRET_KEY) < 50 or "insecure" in SECRET_KEY or "only-for-tests" in SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY must be a private random text of at least 50 characters.")
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts that serve this platform, separated by commas.")

if DATABASES["default"].get("ENGINE") != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database; SQLite serves one machine, with manage.py up.")
if "REDIS_URL" not in env.ENVIRON:
    raise ImproperlyConfigured("REDIS_URL must name the broker: redis://:password@host:6379/0.")

CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
