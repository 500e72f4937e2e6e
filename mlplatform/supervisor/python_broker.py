"""The broker of last resort: `python -m mlplatform.supervisor.python_broker PORT`. Forgets all when it ends."""

import sys

from fakeredis import TcpFakeServer


def main() -> None:
    """Serve until killed."""
    server = TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_type="redis")
    server.serve_forever()


if __name__ == "__main__":
    main()
