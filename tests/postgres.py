"""The suite on PostgreSQL: `python -m tests.postgres [pytest options]` starts a private server and points the tests at it."""

import os
import pwd
import secrets
import shutil
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


@contextmanager
def private_postgres(*options: str) -> Iterator[str]:
    """Run a server in a temporary folder; give the URL of its database `postgres`."""
    programs = binaries()
    if programs is None:
        raise RuntimeError("PostgreSQL's programs are not found: install it, or put its bin folder on PATH.")
    user = _user()
    password, port = secrets.token_urlsafe(16), free_port()
    with tempfile.TemporaryDirectory(prefix="mlplatform-postgres-", ignore_cleanup_errors=True) as folder:
        data, secret = Path(folder) / "data", Path(folder) / "password"
        secret.write_text(password)
        if user is not None:
            for path in (Path(folder), secret):
                os.chown(path, user, user)
        init = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "mlplatform",
            f"--pwfile={secret}",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
        ]
        subprocess.run([*init, "--locale=C.UTF-8", "--no-sync"], check=True, capture_output=True, user=user, cwd=folder)
        listen = ["-c", "listen_addresses=127.0.0.1", "-p", str(port), "-k", folder]
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *listen, *(options or _FAST)],
            user=user, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _await(programs, port, server)
            yield f"postgres://mlplatform:{password}@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(timeout=30)


def _user() -> int | None:
    """PostgreSQL refuses to run as root: another user runs it then."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return known.get("postgres", known["nobody"])


def _await(programs: Path, port: int, server: "subprocess.Popen[bytes]") -> None:
    ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "5"]
    for _ in range(300):
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended with {server.returncode} before it was ready.")
        if subprocess.run(ready, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError("PostgreSQL did not become ready.")


def main() -> int:
    """Run pytest with `DATABASE_URL` of a private server; every option goes to pytest."""
    with private_postgres() as url:
        environment = {**os.environ, "DATABASE_URL": url}
        return subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
