"""Numbers, shares, dates and times as a reader writes them."""

import math
import re
from datetime import date, datetime, time
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

NOTHING = "\u2013"  # what stands for a value that is not there
_PLAIN_FROM, _PLAIN_TO = 1e-5, 1e15  # outside, and for what is no finite number, the short scientific form
_LARGEST_INTEGER = 2**64  # of a column; beyond is a double, which PostgreSQL's jsonb gives back with all its zeros
_NO_BREAK = "\u00a0"
_UNITS = (gettext_noop("B"), gettext_noop("KiB"), gettext_noop("MiB"), gettext_noop("GiB"), gettext_noop("TiB"))
_MINUTE, _HOUR = 60, 3_600
_GROUPED_FROM = 10_000  # a year or a number of four digits is left in one piece
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4})(?P<time>[T ]\d{2}:\d{2}(:\d{2})?)?")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?P<time>[T ]\d{2}:\d{2}(:\d{2})?(\.\d+)?(?P<zone>Z|[+-]\d{2}:?\d{2})?)?")


def figure(value: Any) -> str:
    """Write a number shortly, in the reader's language; anything else as it is."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return _("true") if value else _("false")
    if isinstance(value, list):
        return ", ".join(map(figure, value))
    if not isinstance(value, int | float):
        return day(str(value))
    size = abs(value)
    if not _PLAIN_FROM <= size < _PLAIN_TO and size != 0:
        return number_format(f"{value:.4g}")
    if isinstance(value, int) or value == int(value):
        return number_format(int(value), decimal_pos=0, force_grouping=True)
    places = _places(size)
    return number_format(round(value, places), decimal_pos=places, force_grouping=True)


def _places(size: float) -> int:
    return 1 if size >= 1_000 else 2 if size >= 10 else 3 if size >= 0.01 else 5


def spread(value: float, around: float) -> str:
    """Write how much a number varies, with as many decimals as the number; with more where nothing would be left."""
    places = _places(abs(around))
    return number_format(round(value, places), decimal_pos=places) if round(value, places) else figure(value)


def span(low: Any, high: Any, *, short: bool = True) -> str:
    """Write two ends, with a dash between them where no minus can be mistaken for it and `short` is wanted."""
    if short and low >= 0:
        return f"{figure(low)}{NOTHING}{figure(high)}"
    return _("%(low)s to %(high)s") % {"low": figure(low), "high": figure(high)}


def cell(value: Any) -> str:
    """Write a value of somebody's table: every digit of a number, in the reader's language."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return figure(value)
    written = _written(value)
    if "e" in written or not math.isfinite(value):
        return number_format(written)
    places = 0 if written.endswith(".0") else len(written.partition(".")[2])
    grouped = isinstance(value, float) or abs(value) >= _GROUPED_FROM
    return number_format(written, decimal_pos=places, force_grouping=grouped)


def size(count: int | None) -> str:
    """Write so many bytes in units of 1,024, as the platform's sentences do."""
    amount, unit = float(count or 0), 0
    while amount >= 1_024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1_024, unit + 1
    return f"{number_format(round(amount, 1), decimal_pos=1 if unit else 0)}{_NO_BREAK}{_(_UNITS[unit])}"


def day(text: str) -> str:
    """Write an ISO date or time as the reader does; English readers, who do not agree on an order, read ISO.

    A time with an offset is that of its own clock, one of UTC that of the page's clock; the offset is not written. Midnight is a day.
    """
    found = _ISO.fullmatch(text)
    if found is None or (get_language() == "en" and not found["zone"]):
        return text
    try:
        at = datetime.fromisoformat(text)
        at = localtime(at) if found["zone"] and not at.utcoffset() else at
    except (ValueError, OverflowError):
        return text
    if not found["time"] or (found["zone"] and at.time() == time()):
        return on_day(at)
    return moment(at) + (date_format(at, ":s") if at.second else "")


def on_day(at: date) -> str:
    """Write a date: ISO for English readers."""
    return date_format(at, "Y-m-d" if get_language() == "en" else "SHORT_DATE_FORMAT")


def moment(at: datetime) -> str:
    """Write a date and its time to the minute."""
    return f"{on_day(at)} {date_format(at, 'H:i')}"


def iso_of(text: str) -> str:
    """Return a date that a French reader writes as 04/08/2021 in the form that the models take; other texts as they are."""
    found = _DAY_FIRST.fullmatch(text)
    if found is None or get_language() != "fr":
        return text
    return f"{found['year']}-{found['month']:0>2}-{found['day']:0>2}{found['time'] or ''}"


def entered(value: Any) -> str:
    """Write a value as one types it into a form: no spaces in thousands, the reader's decimal sign."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return number_format(_written(value), use_l10n=True, force_grouping=False)


def _written(number: float) -> str:
    """Write all digits of a number, a double beyond every integer in its scientific form."""
    return repr(float(number) if abs(number) > _LARGEST_INTEGER else number)


def percent(value: Any) -> str:
    """Write a share as a percentage."""
    if value is None:
        return NOTHING
    rounded = round(100 * value, 1)
    return f"{number_format(rounded, decimal_pos=0 if rounded == int(rounded) else 1)}{_NO_BREAK}%"


def duration(seconds: float | None) -> str:
    """Write a time span: 0.4 s, 48 s, 3 min 20 s, 2 h 05 min."""
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{number_format(max(seconds, 0.0), decimal_pos=1)}{_NO_BREAK}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}{_NO_BREAK}s"
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return f"{minutes}{_NO_BREAK}min" + (f" {rest:02}{_NO_BREAK}s" if rest else "")
    hours, rest = divmod(round(seconds / _MINUTE), _MINUTE)
    return f"{hours}{_NO_BREAK}h {rest:02}{_NO_BREAK}min"


def ticks(low: float, high: float, *, about: int = 4) -> list[float]:
    """Return round numbers from `low` to `high`, some `about` of them."""
    spread = high - low
    if not (math.isfinite(spread) and spread > 0):
        return [low]
    rough = spread / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((m * power for m in (1, 2, 2.5, 5) if m * power >= rough), 10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def tick_labels(places: list[float]) -> list[str]:
    """Write round numbers with as many decimals as they need to differ, all with the same number of them."""
    if len(places) < 2:
        return [figure(place) for place in places]
    step = abs(places[1] - places[0])
    if max(abs(place) for place in places) >= 1e7 or step < 1e-5:
        return [number_format(f"{place:.3g}") for place in places]
    decimals = next((d for d in range(7) if math.isclose(round(step, d), step, rel_tol=1e-6)), 7)
    return [number_format(round(place, decimals), decimal_pos=decimals, force_grouping=True) for place in places]
