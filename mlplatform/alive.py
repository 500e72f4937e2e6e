"""`python -m mlplatform.alive URL`: does the web server behind this address answer? For a container's health check."""

import os
import sys
import urllib.error
import urllib.request

_SECONDS = 5


def is_alive(url: str) -> bool:
    """Ask `/healthz`, as a client of the first allowed host behind the proxy would."""
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip()
    headers = {"Host": host.removeprefix("."), "X-Forwarded-Proto": "https"}
    request = urllib.request.Request(f"{url}/healthz", headers=headers)  # noqa: S310  (given by the operator)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_alive(sys.argv[1]) else 1)
