"""The MLflow server that the operator names, and one request to it.

It is the operator's own and may stand in a private network: `apps.core.outbound`, which is for addresses that people of a
workspace give, has no part in this. Redirects are not followed and proxies of the environment are not asked.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from apps.core.errors import Conflict

SECONDS = 10.0
_MOST_BYTES = 8 * 1024 * 1024
_LONGEST_TOLD = 500
_LONGEST_ADDRESS = 300
_API = "/api/2.0/mlflow/"
_BUSY = {408, 425, 429, 502, 503, 504}  # nothing is wrong with what was sent
ALREADY_EXISTS, DOES_NOT_EXIST = "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"


@dataclass(eq=False)
class Unavailable(Exception):
    """The server was not reached, is busy, or does not let us in: whatever is sent, it is sent later."""

    detail: str

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class Refused(Exception):
    """The server does not take this very request; `code` is MLflow's own, "" where it gave none."""

    detail: str
    code: str = ""

    def __str__(self) -> str:
        return self.detail


@dataclass(frozen=True, slots=True)
class Server:
    """Where to, and as whom."""

    address: str
    authorization: str = field(default="", repr=False)

    @property
    def _connection(self) -> HTTPConnection:
        parts = urlsplit(self.address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=SECONDS)

    def ask(self, method: str, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Ask one thing of the server and return what it answers; raise `Unavailable` or `Refused`."""
        connection = self._connection
        headers = {"User-Agent": "mlplatform", "Accept": "application/json"}
        headers |= {"Authorization": self.authorization} if self.authorization else {}
        target, body = f"{urlsplit(self.address).path}{_API}{path}", None
        if method == "GET":
            target = f"{target}?{urlencode(given)}"
        else:
            body = json.dumps(given, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, target, body=body, headers=headers)
            return _answered(path, connection.getresponse())
        except (HTTPException, OSError) as error:
            raise Unavailable(f"The MLflow server could not be reached ({type(error).__name__}).") from error
        except ValueError as error:  # a name or token that no header can hold
            raise Unavailable("What the MLflow server is asked with cannot be sent: check MLFLOW_TRACKING_TOKEN.") from error
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Line:
    """A server, and what must hold before each request: the lease of the model that is sent."""

    server: Server
    hold: Callable[[], None]

    def get(self, path: str, **given: Any) -> dict[str, Any]:
        """Read something."""
        return self._ask("GET", path, given)

    def post(self, path: str, **given: Any) -> dict[str, Any]:
        """Write something."""
        return self._ask("POST", path, given)

    def delete(self, path: str, **given: Any) -> dict[str, Any]:
        """Take something away."""
        return self._ask("DELETE", path, given)

    def _ask(self, method: str, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
        self.hold()
        return self.server.ask(method, path, given)


def server_of_settings() -> Server | None:
    """Return the server that is set, None where there is none; raise `Conflict` where its address cannot be one."""
    address = settings.MLFLOW_TRACKING_URI.strip().rstrip("/")
    if not address:
        return None
    try:
        parts = urlsplit(address)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or len(address) > _LONGEST_ADDRESS:
        raise Conflict(
            "MLFLOW_TRACKING_URI names no server: write http://host:port or https://host. Files are not written to."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        text = "MLFLOW_TRACKING_URI holds a name, a password or a question: give these by MLFLOW_TRACKING_USERNAME,"
        raise Conflict(f"{text} MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN, and the address alone.")
    return Server(address, _authorization())


def _authorization() -> str:
    """As MLflow's own client has it: a user and a password go before a token."""
    user, password = settings.MLFLOW_TRACKING_USERNAME, settings.MLFLOW_TRACKING_PASSWORD
    if user and password:
        return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    return f"Bearer {settings.MLFLOW_TRACKING_TOKEN}" if settings.MLFLOW_TRACKING_TOKEN else ""


def _answered(path: str, answer: HTTPResponse) -> dict[str, Any]:
    text = answer.read(_MOST_BYTES)
    if answer.status == 401:
        raise Unavailable(
            "The MLflow server does not let us in (401): check MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME"
            " and MLFLOW_TRACKING_PASSWORD."
        )
    if answer.status in _BUSY:
        raise Unavailable(f"The MLflow server is busy or away: it answered {path} with {answer.status}.")
    if 300 <= answer.status < 400:
        raise Unavailable("The MLflow server leads to another address, which is not followed. Give the final one.")
    found = _read(text)
    if answer.status != 200:
        told = found or {}
        said = str(told.get("message", ""))[:_LONGEST_TOLD]
        detail = f"The MLflow server refused {path} with {answer.status}{f': {said}' if said else '.'}"
        raise Refused(detail, str(told.get("error_code", "")))
    if found is None:
        raise Unavailable(f"What answered {path} is no MLflow server.")
    return found


def _read(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text or b"{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
