"""Where log lines go and what they look like."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

FORMS = ("plain", "json")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_OF_THE_SERVER = ("uvicorn", "uvicorn.error", "uvicorn.access", "flower")


def logging_settings(*, form: str, level: str, file: str, most_bytes: int, keep: int) -> dict[str, Any]:
    """Return Django's LOGGING: all lines to the standard error, and to a file if one is given."""
    if form not in FORMS:
        raise ImproperlyConfigured(f"LOG_FORMAT must be one of {', '.join(FORMS)}, not {form!r}.")
    if level.upper() not in _LEVELS:
        raise ImproperlyConfigured(f"LOG_LEVEL must be one of {', '.join(_LEVELS)}, not {level!r}.")
    handlers: dict[str, Any] = {"console": {"class": "logging.StreamHandler", "formatter": form}}
    if file:
        shared = {"filename": file, "most_bytes": most_bytes, "keep": keep, "formatter": form}
        handlers["file"] = {"class": "apps.core.logs.SharedFileHandler", **shared}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"()": "apps.core.logs.PlainFormatter"},
            "json": {"()": "apps.core.logs.JsonFormatter"},
        },
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": level.upper()},
        # The servers bring handlers of their own, in a form of their own.
        "loggers": {name: {"handlers": [], "propagate": True} for name in _OF_THE_SERVER},
    }
