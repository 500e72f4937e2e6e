"""Starts a command that dies with the supervisor: `python -m mlplatform.supervisor.guard PARENT COMMAND …`.

On Linux the kernel sees to it, across exec. Elsewhere this process stays, watches, and passes signals on.
"""

import os
import signal
import subprocess
import sys
import time

from apps.core.children import die_with_parent


def main() -> int:
    """Become the command, or stay and watch."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        die_with_parent(parent)
        os.execvp(command[0], command)  # noqa: S606  (a fixed list, no shell)
    child = subprocess.Popen(command)  # type: ignore[unreachable]  # not where mypy runs
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    while child.poll() is None:
        if os.getppid() != parent:
            child.kill()
        time.sleep(1.0)
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
