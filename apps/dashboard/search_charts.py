"""The trials of a search as SVG, drawn by the server: an upright axis a setting, one for the score, and a line a trial."""

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.dashboard.figures import NOTHING, cell, tick_labels, ticks

TONES = ("tone-0", "tone-1", "tone-2", "tone-3", "tone-4")  # from poor to good
_APART, _SIDE = 130, 64  # between axes; left and right of them, at least
_HEIGHT, _FOOT = 210, 26  # of axes; below them, for what has no number
_LINE_HEIGHT, _LETTER, _LETTERS = 13, 6.2, 18  # of titles and marks: a line, a letter, and how many a line has
_MOST_MARKS = 7


@dataclass(frozen=True, slots=True)
class Axis:
    """One upright axis: `place` says how high a value stands, from 0 to 1; None is below it."""

    title: str
    place: Callable[[Any], float | None]
    marks: Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Trace:
    """One trial: its value on each axis, and how good it is among the others (None: it was stopped)."""

    values: Sequence[Any]
    tone: int | None
    title: str


def numbers(title: str, low: float, high: float, *, is_log: bool = False, is_upside_down: bool = False) -> Axis:
    """Return an axis of numbers, evenly over their logarithms where `is_log`, the low end on top where `is_upside_down`."""
    scaled: Callable[[float], float] = math.log if is_log else float
    bottom, top = scaled(low), scaled(high)
    spread = (top - bottom) or 1.0

    def place(value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or (is_log and value <= 0):
            return None
        height = (scaled(value) - bottom) / spread if top > bottom else 0.5
        return 1 - height if is_upside_down else height

    marks = _powers(low, high) if is_log else ticks(low, high)
    labels = [cell(mark) for mark in marks] if is_log else tick_labels(marks)
    return Axis(title, place, [(place(mark) or 0.0, label) for mark, label in zip(marks, labels, strict=True)])


def values(title: str, known: Sequence[tuple[Any, str]]) -> Axis:
    """Return an axis of values that are no numbers, evenly apart in their order; each with how it is written."""
    count = len(known)
    heights = [(place + 0.5) / count for place in range(count)]

    def place(value: Any) -> float | None:
        return next((height for height, (one, _) in zip(heights, known, strict=True) if one == value), None)

    return Axis(title, place, [(height, label) for height, (_, label) in zip(heights, known, strict=True)])


def parallel(axes: Sequence[Axis], traces: Sequence[Trace], *, title: str) -> SafeString:
    """Draw axes side by side and a line a trace, those given last on top."""
    frame = _Frame(axes)
    lines = format_html_join(
        "",
        '<polyline class="{}" points="{}"><title>{}</title></polyline>',
        (
            ("stopped" if trace.tone is None else TONES[trace.tone], frame.path(trace.values), trace.title)
            for trace in traces
        ),
    )
    nothing = {place for trace in traces for place, value in enumerate(trace.values) if axes[place].place(value) is None}
    return format_html(
        '<svg class="parallel" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img"><title>{2}</title>{3}{4}{5}</svg>',
        frame.width, frame.height, title, frame.uprights(), lines, frame.words(nothing),
    )  # fmt: skip


def _powers(low: float, high: float) -> list[float]:
    """Return round numbers from `low` to `high`, evenly over their logarithms as far as may be."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [float(f"{step}e{power}") for power in powers for step in (1, 2, 5)]
    for steps in (fine, fine[::3]):
        inside = [step for step in steps if low * (1 - 1e-9) <= step <= high * (1 + 1e-9)]
        if len(inside) <= _MOST_MARKS:
            break
    return inside or [low, high]


class _Frame:
    """Where axes, lines and words stand."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        self.axes = axes
        self.titles = [textwrap.wrap(axis.title, _LETTERS) for axis in axes]
        longest = max((len(line) for _, label in axes[0].marks for line in textwrap.wrap(label, _LETTERS)), default=0)
        self.left = max(_SIDE, round(longest * _LETTER) + 10)
        self.top = _LINE_HEIGHT * max(map(len, self.titles)) + 14
        self.bottom = self.top + _HEIGHT
        self.width = self.left + _APART * (len(axes) - 1) + _SIDE
        self.height = self.bottom + _FOOT

    def x(self, place: int) -> int:
        return self.left + _APART * place

    def y(self, height: float | None) -> str:
        if height is None:
            return f"{self.bottom + _FOOT / 2:.1f}"
        return f"{self.bottom - max(0.0, min(1.0, height)) * _HEIGHT:.1f}"

    def path(self, given: Sequence[Any]) -> str:
        return " ".join(
            f"{self.x(i)},{self.y(axis.place(one))}" for i, (axis, one) in enumerate(zip(self.axes, given, strict=True))
        )

    def uprights(self) -> SafeString:
        lines = ((self.x(place), self.top, self.bottom) for place in range(len(self.axes)))
        return format_html_join("", '<line x1="{0}" y1="{1}" x2="{0}" y2="{2}"/>', lines)

    def words(self, nothing: set[int]) -> SafeString:
        """Return titles and numbers of the axes, and at the foot of these the sign for no value."""
        titles = format_html_join(
            "",
            '<text class="title" x="{}" y="{}" text-anchor="middle">{}</text>',
            (
                (self.x(place), self.top - 10 - _LINE_HEIGHT * (len(lines) - 1 - row), line)
                for place, lines in enumerate(self.titles)
                for row, line in enumerate(lines)
            ),
        )
        labels: list[tuple[int, float | None, str]] = [(place, None, NOTHING) for place in sorted(nothing)]
        labels += [(i, height, label) for i, axis in enumerate(self.axes) for height, label in axis.marks]
        marks = format_html_join(
            "",
            '<text x="{}" y="{}" dy="{}" text-anchor="end">{}</text>',
            (
                (self.x(place) - 6, self.y(height), f"{_LINE_HEIGHT * (row - (len(lines) - 1) / 2) + 4:.1f}", line)
                for place, height, lines in (
                    (place, height, textwrap.wrap(label, _LETTERS)) for place, height, label in labels
                )
                for row, line in enumerate(lines)
            ),
        )
        return titles + marks
