"""`python -m tests.chaos`: people work while processes are killed; then an auditor compares rows, files and answers."""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Plan, chaos
from tests.postgres import private_postgres


def main() -> int:
    """Run it and print the report; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--campaigns", type=int, default=500)
    parser.add_argument("--pause", type=float, nargs=2, default=(3.0, 9.0), help="seconds between two kills, from and to")
    parser.add_argument("--postgres", action="store_true", help="on a private PostgreSQL, which is crashed too")
    parser.add_argument("--no-aof", action="store_true", help="the broker forgets all when it is killed")
    given = parser.parse_args()
    plan = Plan(given.seed, given.kills, given.campaigns, tuple(given.pause), forgetful_broker=given.no_aof)
    with tempfile.TemporaryDirectory(prefix="mlplatform-chaos-") as folder, contextlib.ExitStack() as stack:
        # A crash must not lose what was committed: no option that forgets.
        server = stack.enter_context(private_postgres("-c", "max_connections=150")) if given.postgres else None
        report = chaos(Path(folder), plan, server)
    print("\n".join(report.lines()))
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
