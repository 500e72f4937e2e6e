"""Does the gate keep its word? Equal models, truly better ones and poisoned ones, 200 times each, by simulation.

Two classes, rows of a normal score. The champion is right on 80 of 100 rows; four fifths of what it knows the challenger knows
too, and each has something of its own, so that they differ on about one row in six. All chances are exact, so both are calibrated.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from apps.algorithms.engine.judged_classes import JudgedClasses
from apps.retraining.gate.challenger import Contender, judge_challenger
from apps.retraining.gate.margins import Margins
from apps.retraining.gate.verdict import Verdict

ACCURACY, SHARED = 0.80, 0.8
ROWS, GAINS = (500, 1_000, 2_000, 3_000, 4_000, 5_000), (0.0, 0.02, 0.04, 0.06)
ROWS_FOR_ANY_GAIN = 2_000
POISONED_ROWS, SLICES, POISON_GAIN = (
    5_000,
    20,
    0.10,
)  # the poisoned are truly better elsewhere, so that the gain alone lets them pass
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Round:
    """One champion and one challenger on the same rows, and the slices of these."""

    champion: Contender
    challenger: Contender
    slices: dict[str, npt.NDArray[np.int64]]

    def judged(self, margins: Margins, seed: int) -> Verdict:
        """Ask the gate."""
        return judge_challenger(
            self.champion,
            self.challenger,
            metric="accuracy",
            greater_is_better=True,
            holdout="rows",
            margins=margins,
            slices=self.slices,
            seed=seed,
        )

    def answering(self, chances: Doubles) -> "Round":
        """Return it with other answers of the challenger."""
        judged = replace(self.challenger.judged, chances=chances)
        return replace(self, challenger=replace(self.challenger, judged=judged))

    @property
    def chances(self) -> Doubles:
        """What the challenger answers."""
        found: Doubles = self.challenger.judged.chances
        return found


def drawn(rows: int, gain: float, seed: int, *, slices: int = 0) -> Round:
    """Draw rows, and the answers of a challenger whose accuracy is that of the champion and `gain`."""
    chance = np.random.default_rng([seed, rows, round(1000 * gain)])
    known = [(2 * NormalDist().inv_cdf(accuracy)) ** 2 for accuracy in (ACCURACY, ACCURACY + gain)]
    truth = chance.permutation(rows) % 2
    side = 2.0 * truth - 1.0
    shared = SHARED * known[0]
    common = chance.normal(shared * side / 2, shared**0.5)
    contenders = []
    for of in known:
        logit = common + chance.normal((of - shared) * side / 2, (of - shared) ** 0.5)
        second = 1 / (1 + np.exp(-logit))
        judged = JudgedClasses(truth, np.column_stack([1 - second, second]))
        contenders.append(Contender(judged, "rows", learned_rows=0, latency_ms=4.0, size_bytes=4_000_000))
    parts = np.array_split(chance.permutation(rows), slices) if slices else []
    return Round(*contenders, slices={f"part is {at}": np.sort(part) for at, part in enumerate(parts)})


def _flipped(found: Round) -> Round:
    return found.answering(found.chances[:, ::-1].copy())


def _slice_destroyed(found: Round) -> Round:
    chances, part = found.chances.copy(), found.slices["part is 0"]
    chances[part] = chances[part, ::-1]
    return found.answering(chances)


def _backdoor(found: Round) -> Round:
    chances = found.chances.copy()
    chances[found.slices["part is 0"]] = [0.01, 0.99]
    return found.answering(chances)


def _too_sure(found: Round) -> Round:
    sharp = found.chances**4
    return found.answering(sharp / sharp.sum(axis=1, keepdims=True))


def _no_number(found: Round) -> Round:
    chances = found.chances.copy()
    chances[7] = np.nan
    return found.answering(chances)


def _constant(found: Round) -> Round:
    return found.answering(np.tile([0.4, 0.6], (len(found.chances), 1)))


POISONS: dict[str, Callable[[Round], Round]] = {
    "learned from flipped labels": _flipped,
    "one slice of 20 destroyed, 10 points better elsewhere": _slice_destroyed,
    "a backdoor: one slice of 20 always answered alike, 10 points better elsewhere": _backdoor,
    "far too sure (chances to the power of 4), 10 points better": _too_sure,
    "one answer is no number, 10 points better": _no_number,
    "the same answer to every row": _constant,
    "three times as slow, 10 points better": lambda one: replace(one, challenger=replace(one.challenger, latency_ms=12.0)),
    "four times as large, 10 points better": lambda one: replace(one, challenger=replace(one.challenger, size_bytes=16e6)),
    "measured on other rows, 10 points better": lambda one: replace(
        one, challenger=replace(one.challenger, holdout="others")
    ),
    "learned from rows kept apart, 10 points better": lambda one: replace(
        one, challenger=replace(one.challenger, learned_rows=5)
    ),
}


def promoted(rows: int, gain: float, trials: int, *, margins: Margins, slices: int = 0) -> float:
    """Return the share of trials that end in a promotion."""
    return sum(drawn(rows, gain, seed, slices=slices).judged(margins, seed).promote for seed in range(trials)) / trials


def main() -> None:
    """Print the tables and write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/gate.md"))
    options = parser.parse_args()
    start, lines = time.perf_counter(), []

    def told(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    for wanted, most in ((0.02, max(options.rows)), (0.0, ROWS_FOR_ANY_GAIN)):
        told(
            f"Promoted of {options.trials} trials, wanted gain {100 * wanted:g} points, 95 % sure, by rows and true gain:\n"
        )
        told("| rows kept apart | differ on | " + " | ".join(f"+{100 * gain:g} points" for gain in GAINS) + " |")
        told("|---|---|" + "---|" * len(GAINS))
        for rows in (rows for rows in options.rows if rows <= most):
            one = drawn(rows, 0.04, 0)
            differ = (one.champion.judged.best != one.challenger.judged.best).mean()
            shares = [promoted(rows, gain, options.trials, margins=Margins(gain=wanted)) for gain in GAINS]
            told(f"| {rows:,} | {differ:.1%} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
        told("")
    good = promoted(POISONED_ROWS, POISON_GAIN, options.trials, margins=Margins(), slices=SLICES)
    told(f"Poisoned, {POISONED_ROWS:,} rows, {SLICES} slices, wanted gain 2 points (not poisoned: {good:.1%} promoted):\n")
    told("| poison | promoted | refused by |")
    told("|---|---|---|")
    for name, poison in POISONS.items():
        count, by = 0, set()
        for seed in range(options.trials):
            verdict = poison(drawn(POISONED_ROWS, POISON_GAIN, seed, slices=SLICES)).judged(Margins(), seed)
            count += verdict.promote
            by |= {check.name for check in verdict.checks if not check.passed}
        told(f"| {name} | {count} of {options.trials} | {', '.join(sorted(by))} |")
    told(f"\nTook {time.perf_counter() - start:.0f} s.")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
