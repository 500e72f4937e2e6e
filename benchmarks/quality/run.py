"""The command: measure what is missing, then write the tables.

Five splits a table: the platform sees the training rows as a CSV and answers the rows kept apart, all over HTTP; the peers are
fitted by hand on the same rows. Of series a split is a stretch of time, and ours is called without HTTP. What is done is kept in
benchmarks/out/quality.jsonl: a run that was cut off goes on.
"""

import argparse
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

from benchmarks.platform import ROOT, SHARED_DATA, Platform, running_platform
from benchmarks.quality import anomalies, clusters, series, tabular
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.report import as_markdown, with_tables
from benchmarks.quality.tables import TABLES

_OUT = ROOT / "benchmarks" / "out"


class _Task(Protocol):
    def __call__(self, platform: Platform, ledger: Ledger, table: str, split: int) -> None: ...


def main() -> None:
    """Measure, print the tables and write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    everything = [*TABLES, *series.TABLES, *anomalies.PUBLISHED, *clusters.TABLES]
    parser.add_argument("--tables", nargs="*", default=everything, choices=everything)
    parser.add_argument(
        "--splits", type=int, default=5, help="how often other rows are kept apart; those measured already are not repeated"
    )
    parser.add_argument("--searched", type=int, default=5, help="on so many of the splits a search of a minute is measured")
    parser.add_argument("--quick", action="store_true", help="one split and no search")
    parser.add_argument(
        "--fresh",
        nargs="?",
        const="",
        metavar="WHO",
        help="forget what was measured before; with a word, of whom begins with it",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no table after so many")
    parser.add_argument("--into", type=Path, help="a document whose tables are replaced, such as docs/quality.md")
    parser.add_argument("--report", action="store_true", help="measure nothing: write the tables of what was measured")
    options, _ = parser.parse_known_args()
    if not SHARED_DATA.exists():
        print(f"quality: the public tables are expected in {SHARED_DATA}; this part is left out")
        return
    splits, searched = (1, 0) if options.quick else (options.splits, options.searched)
    ledger = Ledger.open(_OUT / "quality.jsonl", seed=options.seed, fresh=None if options.report else options.fresh)
    if not options.report:
        _measure(ledger, _tasks(options.tables, splits, searched), seconds=60 * options.minutes)
    text = as_markdown(ledger)
    (_OUT / "quality.md").write_text(text + "\n")
    if options.into:
        options.into.write_text(with_tables(options.into.read_text(), text))
    print(text)


def _measure(ledger: Ledger, tasks: Iterator[tuple[_Task, str, int]], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    with running_platform() as platform:
        for task, table, split in tasks:
            if time.monotonic() > end:
                print("The time is up: what is missing is measured when this is started again.")
                return
            task(platform, ledger, table, split)


def _tasks(tables: list[str], splits: int, searched: int) -> Iterator[tuple[_Task, str, int]]:
    """Yield a split of everything before the next, so that a run which was cut off has measured all tables alike."""
    for split in range(splits):
        for table in tables:
            if table in TABLES:
                yield partial(tabular.score_split, searched=split < searched), table, split
            elif table in series.TABLES:
                if split < series.PERIODS:
                    yield series.score_split, table, split
            else:
                yield anomalies.score_seed if table in anomalies.PUBLISHED else clusters.score_seed, table, split
