"""What the gate says: each thing that was asked of a challenger, and whether it passed."""

from dataclasses import asdict, dataclass
from typing import Any

from apps.retraining.gate.margins import Margins


@dataclass(frozen=True)
class Check:
    """One thing that is asked of a challenger: what was found, the bound that it is held to, and both in a sentence."""

    name: str
    passed: bool
    value: float | None
    bound: float | None
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """Whether to promote: every check passed. `reasons` are the sentences that decide: of what failed, else of all.

    `notes` decide nothing, and whoever promotes should know them.
    """

    promote: bool
    checks: tuple[Check, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def gist(self) -> str:
        """The one sentence that tells most: the gain of what is promoted, else the first reason against it."""
        gains = [check.sentence for check in self.checks if check.name == "gain"]
        return gains[0] if self.promote and gains else self.reasons[0]

    def as_json(self) -> dict[str, Any]:
        """Return what is shown and stored."""
        checks = [asdict(check) for check in self.checks]
        return {"promote": self.promote, "checks": checks, "reasons": list(self.reasons), "notes": list(self.notes)}


def refusal(sentence: str) -> Verdict:
    """Refuse to judge at all."""
    return Verdict(False, (Check("comparable", False, None, None, sentence),), (sentence,))


def refuse_few(rows: int, margins: Margins, *, left_out: int) -> Verdict | None:
    """Refuse where there are too few rows to ask anybody; `left_out` more the champion has learned from. None where they do."""
    if rows >= margins.rows:
        return None
    check = row_check("rows", rows, margins.rows)
    told = [check.sentence]
    if not rows and not left_out:
        told.append(
            "A tenth of a table of a thousand rows or more is frozen, unless the model's `frozen_share` says otherwise."
        )
    if left_out:
        told.append(
            f"{left_out} more are frozen for the challenger alone: the champion has learned from them. "
            "Promote a version by hand once, and those after it can be judged."
        )
    return Verdict(False, (check,), tuple(told))


def row_check(unit: str, found: int, least: int) -> Check:
    """Check that there are rows enough; `unit` says of what."""
    text = f"{found} {unit} are kept apart, as many as are needed."
    if found < least:
        text = f"{found} {unit} are kept apart, {least} are needed: {least - found} are missing."
    return Check("rows", found >= least, float(found), float(least), text)
