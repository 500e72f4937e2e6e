"""One encoder for training and serving: checked columns in, a float32 matrix out, the same numbers on both sides."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.rows import Columns

Matrix = npt.NDArray[np.float32]
_DOUBLE = sys.getsizeof(0.0)
LARGEST = float(np.finfo(np.float32).max)
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class ColumnEncoding:
    """How one source column becomes features.

    `how` is "number" (one feature), "date" (five, or six with the hour) or "levels": `table` gives each level's features,
    `unseen` those of any other text, `missing` those of no value, empty where training had none. A number or a date (in
    seconds since 1970) keeps the least and the largest value it was `seen` with; one that lies beyond them by more than
    `margin` is warned of.
    """

    column: str
    how: str
    features: tuple[str, ...]
    table: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    missing: tuple[float, ...] = ()
    unseen: tuple[float, ...] = ()
    seen: tuple[float, ...] = ()
    margin: float = 0.0


@dataclass(frozen=True)
class Encoder:
    """The encodings of a version, in the order of its matrix."""

    encodings: tuple[ColumnEncoding, ...]

    @cached_property
    def features(self) -> list[str]:
        """Names of the matrix's columns."""
        return [name for encoding in self.encodings for name in encoding.features]

    @property
    def sources(self) -> list[str]:
        """The source column of each of the matrix's columns."""
        return [encoding.column for encoding in self.encodings for _ in encoding.features]

    @cached_property
    def size_bytes(self) -> int:
        """About how many bytes the texts take that it knows, with their features."""
        tables = [encoding.table for encoding in self.encodings]
        return sum(
            sys.getsizeof(text) + sys.getsizeof(codes) + _DOUBLE * len(codes)
            for table in tables
            for text, codes in table.items()
        )

    def encode(self, columns: Columns, rows: int) -> tuple[Matrix, dict[int, list[str]]]:
        """Return the matrix (rows x features, C order) and, by row, warnings on what was never seen in training."""
        matrix = np.empty((rows, len(self.features)), dtype=np.float32)
        warnings: dict[int, list[str]] = {}
        at = 0
        for encoding in self.encodings:
            width = len(encoding.features)
            block = matrix[:, at : at + width]
            values = columns[encoding.column]
            if encoding.how == "number":
                np.clip(values, -LARGEST, LARGEST, out=block[:, 0], casting="same_kind")
            elif encoding.how == "date":
                block[:] = date_features(values, hour=width > len(DATE_FEATURES))
            else:
                _fill_levels(encoding, values, block, warnings)
            at += width
        for row in np.flatnonzero(np.isnan(matrix).all(axis=1)).tolist():
            warnings.setdefault(row, []).append("every value of it is missing: the answer is a guess")
        if self._bounds is not None:
            low, high = self._bounds
            outside = (matrix < low) | (matrix > high)  # a missing value is neither
            if outside.any():
                self._warn_outside(outside, columns, warnings)
        return matrix, warnings

    @cached_property
    def _bounds(self) -> tuple[Matrix, Matrix] | None:
        """Return the least and largest usual value of each of the matrix's columns; None where none is known."""
        if not any(encoding.seen for encoding in self.encodings):
            return None
        low, high = np.full((2, len(self.features)), [[-np.inf], [np.inf]], dtype=np.float32)
        for at, encoding in zip(self._starts, self.encodings, strict=True):
            if encoding.seen:
                least, largest = encoding.seen[0] - encoding.margin, encoding.seen[1] + encoding.margin
                if encoding.how == "date":  # its first feature counts whole days
                    least, largest = least // _DAY, largest // _DAY
                low[at], high[at] = max(least, -LARGEST), min(largest, LARGEST)
        return low, high

    @cached_property
    def _starts(self) -> list[int]:
        ends: list[int] = np.cumsum([len(encoding.features) for encoding in self.encodings]).tolist()
        return [0, *ends[:-1]]

    def _warn_outside(self, outside: npt.NDArray[np.bool_], columns: Columns, warnings: dict[int, list[str]]) -> None:
        of_column = dict(zip(self._starts, self.encodings, strict=True))
        for row, at in np.argwhere(outside).tolist():
            encoding = of_column[at]
            shown = _shown_day if encoding.how == "date" else _shown_number
            value, least, largest = (shown(known) for known in (columns[encoding.column][row], *encoding.seen))
            text = f"{encoding.column}: {value} lies outside what was seen in training, {least} to {largest}"
            warnings.setdefault(row, []).append(text)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the encodings as plain JSON."""
        return [asdict(encoding) for encoding in self.encodings]

    @classmethod
    def from_json(cls, stored: list[dict[str, Any]]) -> "Encoder":
        """Rebuild an encoder from `as_json`."""
        return cls(
            tuple(
                ColumnEncoding(
                    column=e["column"],
                    how=e["how"],
                    features=tuple(e["features"]),
                    table={level: tuple(values) for level, values in e["table"].items()},
                    missing=tuple(e["missing"]) if e["missing"] != e["unseen"] else (),
                    unseen=tuple(e["unseen"]),
                    seen=tuple(e.get("seen", ())),
                    margin=e.get("margin", 0.0),
                )
                for e in stored
            )
        )


def _shown_number(value: float) -> str:
    return f"{value:.10g}"


def _shown_day(seconds: float) -> str:
    return str(np.datetime64(int(seconds // _DAY), "D"))


def _fill_levels(encoding: ColumnEncoding, values: list[str | None], block: Matrix, warnings: dict[int, list[str]]) -> None:
    table, unseen = encoding.table, encoding.unseen
    missing = encoding.missing or unseen
    block[:] = [missing if value is None else table.get(value, unseen) for value in values]
    met = set(values)
    if None in met and not encoding.missing:
        for row in (row for row, value in enumerate(values) if value is None):
            warnings.setdefault(row, []).append(f"{encoding.column}: it is missing, and never was in training")
    if not table.keys() >= met - {None}:
        strange = met - table.keys() - {None}
        for row, value in enumerate(values):
            if value in strange:
                shown = value if len(str(value)) <= 60 else f"{str(value)[:57]}…"
                text = f"{encoding.column}: {shown!r} was never seen in training"
                warnings.setdefault(row, []).append(text)


DATE_FEATURES = ("days", "year", "month", "day", "weekday")


def date_features(seconds: npt.NDArray[np.float64], *, hour: bool) -> npt.NDArray[np.float64]:
    """Return days since 1970, year, month, day of the month and weekday (Monday 0), and the hour if wanted; NaN stays."""
    known = np.isfinite(seconds)
    whole = np.where(known, seconds, 0.0)
    stamps = np.floor(whole).astype("int64").astype("datetime64[s]")
    days = stamps.astype("datetime64[D]")
    months = stamps.astype("datetime64[M]")
    years = stamps.astype("datetime64[Y]")
    parts = [
        days.astype(float),
        years.astype(float) + 1970,
        (months - years).astype(float) + 1,
        (days - months).astype(float) + 1,
        (days.astype("int64") + 3) % 7,
    ]
    if hour:
        parts.append(np.floor((whole % _DAY) / 3600))
    features = np.column_stack([np.asarray(part, dtype=float) for part in parts])
    features[~known] = np.nan
    return features
