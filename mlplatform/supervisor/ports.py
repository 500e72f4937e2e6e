"""Free ports."""

import socket


def free_port(wanted: int, host: str = "127.0.0.1") -> int:
    """Return `wanted` when nobody listens on it, else one that the system gives."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"No port is free on {host}.")
