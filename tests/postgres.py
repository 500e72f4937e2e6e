"""The suite on PostgreSQL: `python -m tests.postgres [pytest options]` starts a private server and points the tests at it."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.journeys.running import free_port

_DEBIAN = Path("/usr/lib/postgresql")
# A test server may forget all: no write waits for the disk.
_FAST = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=200"]


def binaries() -> Path | None:
    """Return the folder with `initdb` and `postgres`, the newest one found."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return folders[-1].parent if folders else None


class PrivatePostgres:
    """A server in a folder of its own, on a free port of this machine, with a password nobody else knows."""

    def __init__(self, folder: Path, *options: str) -> None:
        programs = binaries()
        if programs is None:
            raise RuntimeError("PostgreSQL's programs are not found: install it, or put its bin folder on PATH.")
        self.programs, self.folder, self.options = programs, folder, options or tuple(_FAST)
        self.user, self.port = _user(), free_port()
        password = secrets.token_urlsafe(16)
        self.url = f"postgres://mlplatform:{password}@127.0.0.1:{self.port}/postgres"
        secret = folder / "password"
        secret.write_text(password)
        if self.user is not None:
            for path in (folder, secret):
                os.chown(path, self.user, self.user)
        owner = ["-U", "mlplatform", f"--pwfile={secret}", "-A", "scram-sha-256"]
        made = [programs / "initdb", "-D", folder / "data", *owner, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, user=self.user, cwd=folder)
        self.server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return once it answers."""
        where = ["-D", self.folder / "data", "-c", "listen_addresses=127.0.0.1", "-p", str(self.port), "-k", self.folder]
        self.server = subprocess.Popen(
            [self.programs / "postgres", *where, *self.options],
            user=self.user, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        ready = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "5"]
        for _ in range(300):
            if self.server.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended with {self.server.returncode} before it was ready.")
            if subprocess.run(ready, check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError("PostgreSQL did not become ready.")

    def stop(self, signum: int = signal.SIGINT) -> None:
        """End it: SIGINT cuts every connection, SIGQUIT and SIGKILL are crashes."""
        if self.server is not None:
            self.server.send_signal(signum)
            self.server.wait(timeout=30)


@contextmanager
def private_postgres(*options: str) -> Iterator[PrivatePostgres]:
    """Run a server in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="mlplatform-postgres-", ignore_cleanup_errors=True) as folder:
        server = PrivatePostgres(Path(folder), *options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _user() -> int | None:
    """PostgreSQL refuses to run as root: another user runs it then."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return known.get("postgres", known["nobody"])


def main() -> int:
    """Run pytest with `DATABASE_URL` of a private server; every option goes to pytest."""
    with private_postgres() as server:
        environment = {**os.environ, "DATABASE_URL": server.url}
        return subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
