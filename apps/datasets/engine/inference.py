"""What a column of text holds: candidates are tried over the whole file, the first that fits every value wins.

Formats are those of French and English offices: decimal comma or point, thousands by space (plain, no-break, narrow),
apostrophe, point or comma, a currency sign; ISO, day-first and, where nothing else fits, month-first dates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from apps.algorithms.schema import ColumnKind

MISSING = pa.array(["", "NaN", "nan", "NULL", "null", "N/A", "n/a", "#N/A", "None"])
MISSING_NUMBER = pa.array(["", "NaN", "nan", "NULL", "null", "N/A", "n/a", "#N/A", "None", "NA", "na", "-", "ND", "nd"])
_SPACE_CLASS = "[ \u00a0\u202f\u2009'\u2019]"
_INTEGER = r"^[+-]?(0|[1-9]\d{0,17})$"
_PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
NUMERIC = r"^[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?$"
_INFINITE = r"^[+-]?(inf|infinity|Inf|Infinity|INF)$"
_COMMA = rf"^[+-]?(\d{{1,18}}|\d{{1,3}}({_SPACE_CLASS}\d{{3}})+|\d{{1,3}}(\.\d{{3}})+)(,\d+)?$"
_POINT = rf"^[+-]?(\d{{1,18}}|\d{{1,3}}({_SPACE_CLASS}\d{{3}})+|\d{{1,3}}(,\d{{3}})+)(\.\d+)?$"
_CURRENCY = r"^(?:[€$£]\s*)|(?:\s*(?:[€$£]|EUR|USD))$"
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
_ANY_DATE = r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{4}$"
_ISO_TIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$"
_ANY_TIME = r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{4} \d{1,2}:\d{2}(:\d{2})?$"
_STAMP = pa.timestamp("us")
_CODE = r"^[+-]?0\d+$|^\+\d{8,}$"  # postcodes, phone numbers: digits that are no amount
_FIRST = pa.scalar(datetime.min, _STAMP)  # noqa: DTZ901  (canonical times carry no zone)
_LAST = pa.scalar(datetime.max, _STAMP)  # noqa: DTZ901

Parse = Callable[[pa.Array], pa.Array | None]


@dataclass(frozen=True)
class Candidate:
    """One way to read a column: `parse` answers None when a value does not fit."""

    name: str
    kind: ColumnKind
    parse: Parse
    note: str = ""


def _fits(values: pa.Array, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py() is not False


def _integers(values: pa.Array) -> pa.Array | None:
    if not _fits(values, _INTEGER) or _any_code(values):
        return None
    return pc.cast(_unsigned(values), pa.int64())


def _unsigned(values: pa.Array) -> pa.Array:
    """Drop a leading plus: Arrow reads none."""
    return pc.replace_substring_regex(values, r"^\+", "")


def _any_code(values: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(values, _CODE), min_count=0).as_py())


def _plain_numbers(values: pa.Array) -> pa.Array | None:
    infinite = pc.match_substring_regex(values, _INFINITE)
    if pc.any(infinite, min_count=0).as_py():
        values = pc.if_else(infinite, pa.scalar(None, pa.string()), values)
    if not _fits(values, _PLAIN) or _any_code(values):
        return None
    if pc.any(pc.match_substring_regex(values, r"^[+-]?\d{19,}$"), min_count=0).as_py():
        return None
    return _finite(pc.cast(_unsigned(values), pa.float64()))


def _finite(numbers: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))


def _written(values: pa.Array, pattern: str, drop: str, decimal: str) -> pa.Array | None:
    values = pc.utf8_trim_whitespace(pc.replace_substring_regex(values, _CURRENCY, ""))
    if not _fits(values, pattern) or _any_code(values):
        return None
    values = pc.replace_substring_regex(values, drop, "")
    if decimal == ",":
        values = pc.replace_substring(values, ",", ".")
    return _finite(pc.cast(_unsigned(values), pa.float64()))


def _comma_numbers(values: pa.Array) -> pa.Array | None:
    return _written(values, _COMMA, rf"{_SPACE_CLASS}|\.", ",")


def _point_numbers(values: pa.Array) -> pa.Array | None:
    return _written(values, _POINT, rf"{_SPACE_CLASS}|,", ".")


def _booleans(values: pa.Array) -> pa.Array | None:
    low = pc.utf8_lower(values)
    if not _fits(low, r"^(true|false|vrai|faux)$"):
        return None
    true = pc.is_in(low, value_set=pa.array(["true", "vrai"]))
    return pc.if_else(pc.is_null(low), pa.scalar(None, pa.bool_()), true)


def _iso_dates(values: pa.Array) -> pa.Array | None:
    if not _fits(values, _ISO_DATE):
        return None
    try:
        dates = pc.cast(values, pa.date32())
    except pa.ArrowInvalid:
        return None
    return dates if in_calendar(dates) else None


def in_calendar(times: pa.Array) -> bool:
    """Tell whether all dates lie in the years 1 to 9999, which is what people, JSON and Python can write."""
    try:
        low, high = (pc.cast(bound, _STAMP) for bound in pc.min_max(times).values())
    except pa.ArrowInvalid:
        return False
    inside = pc.and_(pc.greater_equal(low, _FIRST), pc.less_equal(high, _LAST))
    return inside.as_py() is not False  # None: no value at all


def _dates(order: str) -> Parse:
    def parse(values: pa.Array) -> pa.Array | None:
        if not _fits(values, _ANY_DATE):
            return None
        stamps = _stamps(values, order)
        return None if stamps is None else pc.cast(stamps, pa.date32())

    return parse


def _iso_times(values: pa.Array) -> pa.Array | None:
    if not _fits(values, _ISO_TIME):
        return None
    try:
        if pc.any(pc.match_substring_regex(values, r"(Z|[+-]\d{2}:?\d{2})$"), min_count=0).as_py():
            times = pc.cast(pc.cast(values, pa.timestamp("us", tz="UTC")), _STAMP)
        else:
            times = pc.cast(values, _STAMP)
    except pa.ArrowInvalid:
        return None
    return times if in_calendar(times) else None


def _times(order: str) -> Parse:
    def parse(values: pa.Array) -> pa.Array | None:
        if not _fits(values, _ANY_TIME):
            return None
        whole = pc.replace_substring_regex(values, r"( \d{1,2}:\d{2})$", r"\1:00")
        return _stamps(whole, f"{order} %H:%M:%S")

    return parse


def _stamps(values: pa.Array, order: str) -> pa.Array | None:
    slashed = pc.replace_substring_regex(values, r"^(\d{1,2})[/.-](\d{1,2})[/.-]", r"\1/\2/")
    stamps = pc.strptime(slashed, format=order, unit="us", error_is_null=True)
    if stamps.null_count != values.null_count or not in_calendar(stamps):
        return None
    day = r"\1" if order.startswith("%d") else r"\2"
    days = pc.cast(pc.replace_substring_regex(slashed, r"^(\d{1,2})/(\d{1,2})/.*$", day), pa.int64())
    there = pc.all(pc.equal(pc.day(stamps), days), min_count=0).as_py()
    return stamps if there is not False else None  # Arrow reads 31 February as 3 March


_DAY_FIRST, _MONTH_FIRST = "%d/%m/%Y", "%m/%d/%Y"


def candidates(*, comma_is_decimal: bool) -> list[Candidate]:
    """Return the ways to read a column, in the order of preference."""
    comma = Candidate("comma", ColumnKind.NUMBER, _comma_numbers, "decimal comma")
    point = Candidate("point", ColumnKind.NUMBER, _point_numbers, "thousands separated")
    written = [comma, point] if comma_is_decimal else [point, comma]
    return [
        Candidate("boolean", ColumnKind.BOOLEAN, _booleans),
        Candidate("integer", ColumnKind.INTEGER, _integers),
        Candidate("number", ColumnKind.NUMBER, _plain_numbers),
        *written,
        Candidate("iso date", ColumnKind.DATE, _iso_dates),
        Candidate("day-first date", ColumnKind.DATE, _dates(_DAY_FIRST), "dates read as day/month/year"),
        Candidate("month-first date", ColumnKind.DATE, _dates(_MONTH_FIRST), "dates read as month/day/year"),
        Candidate("iso time", ColumnKind.DATETIME, _iso_times),
        Candidate("day-first time", ColumnKind.DATETIME, _times(_DAY_FIRST), "times read as day/month/year"),
        Candidate("month-first time", ColumnKind.DATETIME, _times(_MONTH_FIRST), "times read as month/day/year"),
    ]


def known_values(values: pa.Array, *, text: bool) -> pa.Array:
    """Return trimmed values with the missing markers as null; "NA" is a missing number but may be a text (Namibia)."""
    trimmed = pc.utf8_trim_whitespace(values)
    missing = pc.is_in(trimmed, value_set=MISSING if text else MISSING_NUMBER)
    return pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)


class ColumnGuess:
    """What one column may still be after the blocks seen so far."""

    def __init__(self, ways: list[Candidate]) -> None:
        self._alive = list(ways)
        self._met = False

    def look(self, values: pa.Array) -> None:
        """Drop the candidates that a block contradicts."""
        if not self._alive:
            return
        known = known_values(values, text=False).drop_null()
        if not len(known):
            return
        self._met = True
        self._alive = [way for way in self._alive if way.parse(known) is not None]

    def verdict(self) -> Candidate | None:
        """Return the preferred candidate that fits every value; None for text (and for a column without values)."""
        return self._alive[0] if self._met and self._alive else None
