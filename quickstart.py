#!/usr/bin/env python3
"""From a clean clone to a running platform: `python3 quickstart.py`. To the tests: `python3 quickstart.py test`.

Options go on to `manage.py up` (`--port 9001`, `--no-demo`; all: `python3 quickstart.py up --help`); after `test` to pytest,
`--fast` leaves the slow tests out.

Needs Python 3.11 or 3.12 with pip, and nothing else. Makes `.venv`, installs what the lock names (skipped when the lock
has not changed), prepares the database, and hands over to `manage.py up`, or to the tests.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST, NEWEST = (3, 11), (3, 12)
# Tests of one file share what it starts, a platform or a browser: they stay together.
SIDE_BY_SIDE = ("--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder")
BEGAN = time.monotonic()


def say(words: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"[{time.monotonic() - BEGAN:6.1f} s] {words}", flush=True)


def main() -> int:
    """Install what is missing, then run the platform or the tests."""
    version = (sys.version_info[0], sys.version_info[1])
    if not OLDEST <= version <= NEWEST:
        found = ".".join(map(str, sys.version_info[:2]))
        print(f"This needs Python 3.11 or 3.12; this one is {found}. Try: python3.11 quickstart.py", file=sys.stderr)
        return 2
    if {"-h", "--help"} & set(sys.argv[1:2]):
        print(__doc__)
        return 0
    os.chdir(ROOT)
    wanted, rest = sys.argv[1:2], sys.argv[2:]
    if wanted and wanted[0] not in {"test", "up"}:
        rest, wanted = sys.argv[1:], ["up"]
    testing = wanted == ["test"]
    with only_one_installer():
        make_environment()
        install("dev" if testing else "worker")
    if testing:
        return run_tests(rest)
    say("Preparing the database")
    if subprocess.run([PYTHON, "manage.py", "migrate", "--verbosity", "0"], check=False).returncode:
        sys.exit("The database could not be prepared; the reason is above.")
    return hand_over(rest)


def hand_over(options: list[str]) -> int:
    """Become `manage.py up`."""
    say("Starting the platform")
    return os.execv(PYTHON, [str(PYTHON), "manage.py", "up", *options])  # noqa: S606  (our own interpreter)


def run_tests(options: list[str]) -> int:
    """Run the whole suite, or the fast part of it; further options go to pytest."""
    chosen = [option for option in options if option != "--fast"]
    fast = ["-m", "not slow"] if "--fast" in options else []
    say("Running the tests" + (" (fast part)" if fast else ""))
    return subprocess.run([PYTHON, "-m", "pytest", *SIDE_BY_SIDE, *fast, *chosen], check=False).returncode


@contextlib.contextmanager
def only_one_installer() -> Iterator[None]:
    """Let two starts at once install one after the other."""
    with (ROOT / ".quickstart.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another quickstart is installing here; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_environment() -> None:
    """Make `.venv`, or make it anew when it is broken or of another Python."""
    if PYTHON.exists() and _answers(PYTHON):
        return
    say(f"Making {VENV.name}")
    venv.EnvBuilder(with_pip=True, clear=VENV.exists()).create(VENV)


def _answers(python: Path) -> bool:
    probe = "import sys, pip; print(sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
    except OSError:  # what an interrupted start left is no program
        return False
    return done.returncode == 0 and done.stdout.strip() == str(sys.version_info[:2])


def stamp_of(lock: Path) -> str:
    """Return what an installed lock is remembered by."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def install(name: str) -> None:
    """Install a lock with uv, or with pip where uv fails; nothing to do when it is installed already."""
    lock = ROOT / "requirements" / f"{name}.lock"
    stamp = VENV / f".{name}.lock.sha256"
    if stamp.exists() and stamp.read_text() == stamp_of(lock):
        return
    say(f"Installing {lock.relative_to(ROOT)}")
    if not _with_uv(lock):
        say("uv is not to be had here; pip takes a few minutes longer")
        command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--requirement", str(lock)]
        if subprocess.run(command, check=False, env=_environment()).returncode:
            sys.exit(f"Installing {lock.relative_to(ROOT)} failed; pip says why above. Mend that and start again.")
    stamp.write_text(stamp_of(lock))
    say("Installed")


def _environment() -> dict[str, str]:
    # Without bytecode every process would compile its libraries again at each start.
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _with_uv(lock: Path) -> bool:
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"]
        if subprocess.run(command, check=False, env=_environment()).returncode:
            return False
    command = [
        str(uv),
        "pip",
        "install",
        "--quiet",
        "--python",
        str(PYTHON),
        "--compile-bytecode",
        "--requirement",
        str(lock),
    ]
    return subprocess.run(command, check=False, env=_environment()).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
