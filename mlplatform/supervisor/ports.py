"""Free ports."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path

_NEIGHBOURS = 100

_claims: dict[int, int] = {}  # descriptors, open for as long as this process lives


def free_port(wanted: int, host: str = "127.0.0.1") -> int:
    """Return `wanted` when nobody listens on it or is about to, else the next above it that is free.

    A port that the system picks comes last: it lends those to outgoing connections as well, and may lend ours before
    its server listens on it.
    """
    for port in [*range(wanted, min(wanted + _NEIGHBOURS, 65_536)), 0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
            if _claim(found):
                return found
    raise OSError(f"No port is free on {host}.")


def _claim(port: int) -> bool:
    """Keep a port from the user's other platforms, which may look for one before ours listens on it."""
    if port in _claims:
        return True
    path = Path(tempfile.gettempdir()) / f"mlplatform-{os.getuid()}-port-{port}.lock"
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return True  # somebody else's file: nobody's claim can be known
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return False
    _claims[port] = file
    return True
