"""`python -m tests.mutants --seed 1 2 --count 48`: put faults into a copy of the core; ends 1 when the tests miss one."""

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.making import Mutant, mutants_of
from tests.mutants.trying import CORE, ROOT, Suite


def main() -> int:
    """Choose mutants, try each, say which survived."""
    options = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    options.add_argument("--seed", type=int, nargs="+", default=[1])
    options.add_argument("--count", type=int, default=48, help="mutants a seed")
    options.add_argument("--only", default="", help="mutants whose name holds this text")
    given = options.parse_args()
    drawn = [mutant for seed in given.seed for mutant in choose(seed=seed, count=given.count, only=given.only)]
    chosen = list(dict.fromkeys(drawn))
    with tempfile.TemporaryDirectory(prefix="mlplatform-mutants-", ignore_cleanup_errors=True) as folder:
        suite = Suite(Path(folder))
        suite.prepare()
        survived = [mutant for mutant in chosen if not _is_noticed(mutant, suite)]
        suite.check()
    print(f"{len(chosen) - len(survived)} of {len(chosen)} were noticed.")
    return 1 if survived else 0


def every_mutant() -> list[Mutant]:
    """Return every mutant of the core."""
    return [mutant for path in CORE for mutant in mutants_of(path, (ROOT / path).read_text())]


def choose(*, seed: int, count: int, only: str = "") -> list[Mutant]:
    """Draw as many mutants as asked for, without those that are no fault; a change of the code changes few of the draws."""
    lots = [mutant for mutant in every_mutant() if mutant.name not in EQUIVALENT and only in mutant.name]
    return sorted(lots, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.name}".encode()).digest())[:count]


def _is_noticed(mutant: Mutant, suite: Suite) -> bool:
    began = time.monotonic()
    by = suite.notices(mutant)
    print(f"{'noticed ' if by else 'SURVIVED'} {time.monotonic() - began:5.1f} s  {mutant.name}", flush=True)
    print(f"                   {by or f'line {mutant.lines[0]}'}", flush=True)
    return by is not None


if __name__ == "__main__":
    sys.exit(main())
