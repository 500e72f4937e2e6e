"""What was measured so far, a JSON line each, so that a run that was cut off goes on."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.platform import ROOT


@dataclass(frozen=True)
class Score:
    """One fit on one split of one table."""

    table: str
    split: int
    who: str
    measures: dict[str, float]
    rows: int  # that it was given to learn from: ours keeps a fifth of them to measure with
    apart: int  # that it was asked for
    seconds: float
    note: str = ""


@dataclass
class Ledger:
    """Scores by table, split and who; all of one seed."""

    path: Path
    seed: int
    commit: str
    scores: dict[tuple[str, int, str], Score] = field(default_factory=dict)
    commits: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, path: Path, *, seed: int, fresh: str | None) -> "Ledger":
        """Read what an earlier run of this seed has written; of those whose name begins with `fresh` it is forgotten."""
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        if fresh is not None:
            lines = [line for line in lines if not json.loads(line)["who"].startswith(fresh)]
            path.write_text("".join(f"{line}\n" for line in lines))
        ledger = cls(path, seed, commit_now())
        for line in lines:
            told = json.loads(line)
            if told.pop("seed") == seed:
                ledger.commits.add(told.pop("commit"))
                ledger._keep(Score(**told))
        return ledger

    def missing(self, table: str, split: int, everyone: Iterable[str]) -> list[str]:
        """Return who has not been measured on a split yet."""
        return [who for who in everyone if (table, split, who) not in self.scores]

    def note(self, score: Score) -> None:
        """Keep a score, at once and for good."""
        self._keep(score)
        self.commits.add(self.commit)
        with self.path.open("a") as file:
            file.write(json.dumps({**asdict(score), "seed": self.seed, "commit": self.commit}) + "\n")
        shown = "  ".join(f"{name} {value:.4f}" for name, value in score.measures.items())
        print(f"{score.table} {score.split} {score.who} ({score.seconds:.1f} s): {shown} {score.note}".rstrip(), flush=True)

    def _keep(self, score: Score) -> None:
        self.scores[score.table, score.split, score.who] = score


def commit_now() -> str:
    """Return the commit that is measured, with a plus where files were changed since; "unknown" outside a repository."""
    told = [
        subprocess.run(["git", "-C", str(ROOT), *asked], capture_output=True, text=True, check=False).stdout.strip()
        for asked in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--", "apps", "mlplatform"])
    ]
    return f"{told[0]}{'+' if told[1] else ''}" if told[0] else "unknown"
