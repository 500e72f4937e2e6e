"""What a column held that its type does not show, seen while it is written."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from apps.datasets.engine.inference import AMOUNT, SHORT_DATE, Candidate, any_code, date_masks, decimal_masks

_SHOWN_ROWS = 5
_SHOWN_CHARACTERS = 30


@dataclass
class Likeness:
    """How many texts of a column are of one sort, and the first of the others, by row."""

    count: int = 0
    others: list[tuple[int, str]] = field(default_factory=list)

    def look(self, texts: pa.Array, alike: pa.Array, row: int) -> None:
        """Count what is alike; `row` is that of the first text. Missing values are neither."""
        self.count += pc.sum(alike).as_py() or 0
        if len(self.others) < _SHOWN_ROWS:
            odd = pc.indices_nonzero(pc.and_(pc.invert(alike), pc.is_valid(texts))).slice(0, _SHOWN_ROWS)
            self.others += zip((row + place for place in odd.to_pylist()), texts.take(odd).to_pylist(), strict=True)
            del self.others[_SHOWN_ROWS:]

    def shown(self) -> str:
        """Return the rows and texts of the others."""
        return ", ".join(f"{row} ({_short(text)})" for row, text in self.others)


@dataclass
class Noticed:
    """What is to be said of one column."""

    name: str
    infinite: int = 0
    known: int = 0
    numbers: Likeness = field(default_factory=Likeness)
    percents: Likeness = field(default_factory=Likeness)
    has_codes: bool = False
    decimals: dict[str, Likeness] = field(default_factory=dict)
    dates: dict[str, Likeness] = field(default_factory=dict)
    short_years: Likeness = field(default_factory=Likeness)
    marks: dict[str, None] = field(default_factory=dict)

    def look_at_texts(self, texts: pa.Array, row: int) -> None:
        """Count the numbers and the dates of a column that is neither."""
        self.has_codes = self.has_codes or any_code(texts)
        self.known += len(texts) - texts.null_count
        amounts = pc.fill_null(pc.match_substring_regex(texts, AMOUNT), False)
        self.numbers.look(texts, amounts, row)
        self.percents.look(texts, pc.and_(amounts, pc.fill_null(pc.ends_with(texts, "%"), False)), row)
        self.short_years.look(texts, pc.fill_null(pc.match_substring_regex(texts, SHORT_DATE), False), row)
        for likenesses, masks in ((self.decimals, decimal_masks(texts)), (self.dates, date_masks(texts))):
            for way, mask in masks.items():
                likenesses.setdefault(way, Likeness()).look(texts, mask, row)

    def look_at_values(self, texts: pa.Array, parsed: pa.Array, verdict: Candidate) -> None:
        """Count what a number cannot hold; remember how the values are written."""
        self.infinite += parsed.null_count - texts.null_count
        self.marks.update(dict.fromkeys(verdict.met(texts)))

    def notes(self) -> list[str]:
        """Return how the column was read, where that is not plain."""
        return [f"{self.name}: {mark}" for mark in self.marks]

    def warnings(self) -> list[dict[str, Any]]:
        """Return what a user should know."""
        found = [self._warning("not_finite", self._infinite_values())] if self.infinite else []
        best = _most_alike(self.dates)
        are_all = self.numbers.count == self.known and not self.has_codes
        numbers = _most_alike(self.decimals) if are_all else self.numbers  # of all, some are written another way
        for sort, likeness in (("numbers", numbers), ("dates", best)):
            if self.known / 2 <= likeness.count < self.known:
                count, rows = likeness.count, likeness.shown()
                words = f"{count} of {self.known} values are {sort}, yet it is read as text because of others: row {rows}."
                found.append(self._warning("mixed", words))
        if 0 < self.percents.count < self.known == self.numbers.count:
            words = (
                f"{self.percents.count} of {self.known} values carry a percent sign, yet it is read as text because "
                f"others carry none: row {self.percents.shown()}."
            )
            found.append(self._warning("mixed", words))
        if 0 < self.known == best.count:
            words = (
                "Every value starts with a date, yet it is read as text: the times are not all there or do not exist, or only "
                "some carry an offset."
            )
            found.append(self._warning("mixed", words))
        if 0 < self.known == self.short_years.count:
            words = "Every value looks like a date with a year of two digits, yet it is read as text: write four."
            found.append(self._warning("mixed", words))
        return found

    def _warning(self, code: str, detail: str) -> dict[str, Any]:
        return {"column": self.name, "code": code, "detail": detail}

    def _infinite_values(self) -> str:
        if self.infinite == 1:
            return "1 value is infinite or too large for a number; it counts as missing."
        return f"{self.infinite} values are infinite or too large for a number; they count as missing."


def _most_alike(likenesses: dict[str, Likeness]) -> Likeness:
    return max(likenesses.values(), key=lambda likeness: likeness.count, default=Likeness())


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
