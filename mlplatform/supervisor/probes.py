"""Is a started process ready? Each probe answers at once with yes or no."""

import http
import http.client
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis, RedisError

Probe = Callable[[], bool]
_PATIENCE = 1.0


def broker_answers(url: str) -> Probe:
    """PING."""

    def probe() -> bool:
        try:
            with Redis.from_url(url, socket_connect_timeout=_PATIENCE, socket_timeout=_PATIENCE) as client:
                return bool(client.ping())
        except RedisError:
            return False

    return probe


def http_answers(url: str) -> Probe:
    """Any answer below 500 to a GET; a password that is asked for is an answer."""

    def probe() -> bool:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=_PATIENCE)
        try:
            connection.request("GET", parts.path or "/")
            return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe


def log_says(path: Path, words: bytes) -> Probe:
    """Look for words the process writes when it is ready (its log is emptied before it starts)."""

    def probe() -> bool:
        return path.exists() and words in path.read_bytes()

    return probe
