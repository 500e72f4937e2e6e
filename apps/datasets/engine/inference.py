"""What a column of text holds: candidates are tried over the whole file, the first that fits every value wins.

Formats are those of French and English offices: decimal comma or point, thousands by space (plain, no-break, narrow),
apostrophe, point or comma, a currency sign or a percent sign on every value (12 % is read as 12); ISO, day-first and, where
nothing else fits, month-first dates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from apps.algorithms.schema import ColumnKind

MISSING = pa.array(["", "NaN", "nan", "NULL", "null", "N/A", "n/a", "#N/A", "None"])
MISSING_NUMBER = pa.array(["", "NaN", "nan", "NULL", "null", "N/A", "n/a", "#N/A", "None", "NA", "na", "-", "ND", "nd"])
_SPACES = " \u00a0\u202f\u2009"
_APOSTROPHES = "'\u2019"
_SPACE_CLASS = f"[{_SPACES}{_APOSTROPHES}]"
_INTEGER = r"^[+-]?(0|[1-9]\d{0,17})$"
_PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_TOO_LONG = r"^[+-]?\d{19,}$"
_INFINITE = r"^[+-]?(inf|infinity|Inf|Infinity|INF)$"
_COMMA = rf"^[+-]?(\d{{1,18}}|\d{{1,3}}({_SPACE_CLASS}\d{{3}})+|\d{{1,3}}(\.\d{{3}})+)(,\d+)?$"
_POINT = rf"^[+-]?(\d{{1,18}}|\d{{1,3}}({_SPACE_CLASS}\d{{3}})+|\d{{1,3}}(,\d{{3}})+)(\.\d+)?$"
_GROUPS = r"^[+-]?(\d{{1,18}}|[1-9]\d{{0,2}}({mark}\d{{3}}){{1,5}})$"
_CURRENCY = r"^(?:[€$£]\s*)|(?:\s*(?:[€$£]|EUR|USD))$"
_PERCENT = rf"[{_SPACES}]*%$"
AMOUNT = (
    rf"^(?:[€$£]\s*)?[+-]?(?:\d{{1,3}}(?:{_SPACE_CLASS}\d{{3}})+(?:[.,]\d+)?|\d{{1,3}}(?:\.\d{{3}})+(?:,\d+)?|"
    rf"\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?)(?:[{_SPACES}]*(?:[€$£%]|EUR|USD))?$"
)
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
_ANY_DATE = r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{4}$"
SHORT_DATE = r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{2}$"
_ISO_TIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$"
_ANY_TIME = r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{4} \d{1,2}:\d{2}(:\d{2})?$"
_BEFORE_OFFSET = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
_STAMP = pa.timestamp("us")
# Postcodes, phone numbers, "012 345 678" of a company: digits that are no amount.
_CODE = rf"^[+-]?0\d+$|^\+\d{{8,}}$|^[+-]?0\d{{0,2}}({_SPACE_CLASS}\d{{3}})+$"
_FIRST = pa.scalar(datetime.min, _STAMP)  # noqa: DTZ901  (canonical times carry no zone)
_LAST = pa.scalar(datetime.max, _STAMP)  # noqa: DTZ901

Parse = Callable[[pa.Array], pa.Array | None]


@dataclass(frozen=True)
class Candidate:
    """One way to read a column: `parse` answers None when a value does not fit; `marks` are what it may meet in them."""

    name: str
    kind: ColumnKind
    parse: Parse
    note: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)
    are_instants: bool = False

    def met(self, values: pa.Array) -> list[str]:
        """Name what is to be said of how these values are written."""
        found = [name for name, mark in self.marks.items() if pc.any(pc.match_substring_regex(values, mark)).as_py()]
        return [self.note, *found] if self.note else found


def _fits(values: pa.Array, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py() is not False


def _integers(values: pa.Array) -> pa.Array | None:
    if not _fits(values, _INTEGER) or any_code(values):
        return None
    return pc.cast(_unsigned(values), pa.int64())


def _unsigned(values: pa.Array) -> pa.Array:
    """Drop a leading plus: Arrow reads none."""
    return pc.replace_substring_regex(values, r"^\+", "")


def any_code(values: pa.Array) -> bool:
    """Say whether digits stand there that are no amount: postcodes, phone numbers, the number of a company."""
    return bool(pc.any(pc.match_substring_regex(values, _CODE), min_count=0).as_py())


def _plain_numbers(values: pa.Array) -> pa.Array | None:
    infinite = pc.match_substring_regex(values, _INFINITE)
    if pc.any(infinite, min_count=0).as_py():
        values = pc.if_else(infinite, pa.scalar(None, pa.string()), values)
    if not _fits(values, _PLAIN) or any_code(values):
        return None
    if pc.any(pc.match_substring_regex(values, _TOO_LONG), min_count=0).as_py():
        return None
    return _finite(pc.cast(_unsigned(values), pa.float64()))


def _finite(numbers: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))


def _written(values: pa.Array, pattern: str, drop: str, decimal: str) -> pa.Array | None:
    values = pc.utf8_trim_whitespace(pc.replace_substring_regex(values, _CURRENCY, ""))
    if not _fits(values, pattern) or any_code(values):
        return None
    values = pc.replace_substring_regex(values, drop, "")
    if decimal == ",":
        values = pc.replace_substring(values, ",", ".")
    return _finite(pc.cast(_unsigned(values), pa.float64()))


def _whole(groups: str, drop: str) -> Parse:
    pattern = _GROUPS.format(mark=groups)

    def parse(values: pa.Array) -> pa.Array | None:
        if not _fits(values, pattern) or any_code(values):
            return None
        return pc.cast(_unsigned(pc.replace_substring_regex(values, drop, "")), pa.int64())

    return parse


def _percents(parse: Parse) -> Parse:
    def parse_percents(values: pa.Array) -> pa.Array | None:
        return parse(pc.replace_substring_regex(values, _PERCENT, "")) if _fits(values, _PERCENT) else None

    return parse_percents


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


def _wall_times(values: pa.Array) -> pa.Array | None:
    return _iso_times(values, _STAMP)


def _instants(values: pa.Array) -> pa.Array | None:
    return _iso_times(values, pa.timestamp("us", tz="UTC"))


def _iso_times(values: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Read times as Arrow does: with a zone every value carries an offset, without one none does."""
    if not _fits(values, _ISO_TIME):
        return None
    try:
        times = pc.cast(pc.cast(values, kind), _STAMP)
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


def decimal_masks(values: pa.Array) -> dict[str, pa.Array]:
    """Return, for the decimal comma and the decimal point, which values are numbers that way."""
    bare = pc.utf8_trim_whitespace(pc.replace_substring_regex(values, _CURRENCY, ""))
    plain = pc.and_(pc.match_substring_regex(bare, _PLAIN), pc.invert(pc.match_substring_regex(bare, _TOO_LONG)))
    ways = {",": pc.match_substring_regex(bare, _COMMA), ".": pc.or_(pc.match_substring_regex(bare, _POINT), plain)}
    return {mark: pc.fill_null(fits, False) for mark, fits in ways.items()}


def date_masks(values: pa.Array) -> dict[str, pa.Array]:
    """Tell, for each way to write dates, which of these texts are one that exists; nothing where none looks like one."""
    if not pc.any(pc.match_substring_regex(values, r"^\d{1,4}[/.-]\d{1,2}[/.-]\d")).as_py():
        return {}
    days = pc.replace_substring_regex(values, r"[T ]\d{1,2}:.*$", "")
    slashed = pc.replace_substring_regex(days, r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})$", r"\1/\2/\3")
    ways = {"iso": (days, _ISO_DATE, "%Y-%m-%d", r"^\d{4}-\d{2}-(\d{2})$")}
    ways["day-first"] = (slashed, _ANY_DATE, _DAY_FIRST, r"^(\d{1,2})/\d{1,2}/\d{4}$")
    ways["month-first"] = (slashed, _ANY_DATE, _MONTH_FIRST, r"^\d{1,2}/(\d{1,2})/\d{4}$")
    return {name: _existing(*way) for name, way in ways.items()}


def _existing(texts: pa.Array, shape: str, order: str, day: str) -> pa.Array:
    shaped = pc.if_else(pc.match_substring_regex(texts, shape), texts, pa.scalar(None, pa.string()))
    stamps = pc.strptime(shaped, format=order, unit="s", error_is_null=True)
    days = pc.cast(pc.replace_substring_regex(shaped, day, r"\1"), pa.int64())
    return pc.fill_null(pc.equal(pc.day(stamps), days), False)


_DAY_FIRST, _MONTH_FIRST = "%d/%m/%Y", "%m/%d/%Y"


DECIMAL_COMMA = "decimal comma"
_CURRENCY_MARK = {"currency sign": r"[€$£]|EUR|USD"}
_GROUP_MARKS = {
    "thousands space": rf"\d[{_SPACES}]\d",
    "thousands apostrophe": rf"\d[{_APOSTROPHES}]\d",
}
_COMMA_MARKS = {DECIMAL_COMMA: ",", "thousands point": r"\.", **_GROUP_MARKS, **_CURRENCY_MARK}
_POINT_MARKS = {"thousands comma": ",", **_GROUP_MARKS, **_CURRENCY_MARK}


def candidates(*, comma_is_decimal: bool) -> list[Candidate]:
    """Return the ways to read a column, in the order of preference."""
    whole = Candidate("whole with groups", ColumnKind.INTEGER, _whole(_SPACE_CLASS, _SPACE_CLASS), marks=_GROUP_MARKS)
    comma = Candidate("comma", ColumnKind.NUMBER, _comma_numbers, marks=_COMMA_MARKS)
    point = Candidate("point", ColumnKind.NUMBER, _point_numbers, marks=_POINT_MARKS)
    whole_points = Candidate("whole with points", ColumnKind.INTEGER, _whole(r"\.", r"\."), marks=_COMMA_MARKS)
    whole_commas = Candidate("whole with commas", ColumnKind.INTEGER, _whole(",", ","), marks=_POINT_MARKS)
    number = Candidate("number", ColumnKind.NUMBER, _plain_numbers)
    written = [whole_points, comma, point] if comma_is_decimal else [whole_commas, point, comma]
    percents = [
        Candidate(f"percent, {way.name}", ColumnKind.NUMBER, _percents(way.parse), "percents, 12 % read as 12", way.marks)
        for way in (number, *written)
        if way.kind == ColumnKind.NUMBER
    ]
    return [
        Candidate("boolean", ColumnKind.BOOLEAN, _booleans),
        Candidate("integer", ColumnKind.INTEGER, _integers),
        number,
        whole,
        *written,
        *percents,
        Candidate("iso date", ColumnKind.DATE, _iso_dates),
        Candidate("day-first date", ColumnKind.DATE, _dates(_DAY_FIRST), "dates read as day/month/year"),
        Candidate("month-first date", ColumnKind.DATE, _dates(_MONTH_FIRST), "dates read as month/day/year"),
        Candidate("iso time", ColumnKind.DATETIME, _wall_times),
        Candidate(
            "iso instant", ColumnKind.DATETIME, _instants, "times with offsets, kept as those of UTC", are_instants=True
        ),
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
        self._offsets: set[str] = set()

    def look(self, values: pa.Array) -> None:
        """Drop the candidates that a block contradicts."""
        if not self._alive:
            return
        known = known_values(values, text=False).drop_null()
        if not len(known):
            return
        self._met = True
        self._alive = [way for way in self._alive if way.parse(known) is not None]
        if any(way.are_instants for way in self._alive):
            self._offsets.update(pc.unique(pc.replace_substring_regex(known, _BEFORE_OFFSET, "")).to_pylist())

    @property
    def offset(self) -> str:
        """The offset that all values carry, as in "+01:00"; "" for several, for none and for Z."""
        found = {f"{one[:3]}:{one[-2:]}" for one in self._offsets if one != "Z"}
        return found.pop() if len(found) == 1 and "Z" not in self._offsets else ""

    def verdict(self) -> Candidate | None:
        """Return the preferred candidate that fits every value; None for text (and for a column without values)."""
        return self._alive[0] if self._met and self._alive else None
