"""Detections by day as SVG, drawn by the server: what was real, what was not, and what nobody has looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.dashboard.figures import tick_labels, ticks

_WIDTH, _HEIGHT = 720, 180
_LEFT, _TOP, _RIGHT, _BOTTOM = 44, 10, 8, 24
_MARKS_APART = 84


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: its name, what is said of it, and how many of each kind, from the bottom up."""

    name: str
    words: str
    parts: tuple[tuple[str, int], ...]


def bars_by_day(days: Sequence[Bar], *, title: str) -> SafeString:
    """Draw one bar a day, its parts on top of one another; a day's words show when it is pointed at."""
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    most = max((sum(count for _, count in day.parts) for day in days), default=0) or 1
    step, bottom = width / max(1, len(days)), _TOP + height
    drawn = []
    for place, day in enumerate(days):
        x, top, rects = _LEFT + place * step, float(bottom), []
        for kind, count in day.parts:
            size = count / most * height
            top -= size
            rects.append((kind, f"{x + step * 0.1:.1f}", f"{top:.1f}", f"{step * 0.8:.1f}", f"{size:.1f}"))
        inner = format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>', rects)
        drawn.append((day.words, inner))
    groups = format_html_join("", "<g><title>{}</title>{}</g>", drawn)
    return format_html(
        '<svg class="chart plot wide days" viewBox="0 0 {} {}" role="img"><title>{}</title>{}{}{}</svg>',
        _WIDTH, _HEIGHT, title, _upright(most, height), _along(days, step), groups,
    )  # fmt: skip


def _upright(most: int, height: int) -> SafeString:
    numbers = [number for number in ticks(0, most) if number == int(number)]
    places = (
        (f"{_TOP + height - number / most * height:.1f}", label)
        for number, label in zip(numbers, tick_labels(numbers), strict=True)
    )
    return format_html_join(
        "",
        '<line class="grid" x1="{2}" y1="{0}" x2="{3}" y2="{0}"/>'
        '<text x="{4}" y="{0}" dy="0.35em" text-anchor="end">{1}</text>',
        ((y, label, _LEFT, _WIDTH - _RIGHT, _LEFT - 6) for y, label in places),
    )


def _along(days: Sequence[Bar], step: float) -> SafeString:
    every = max(1, round(_MARKS_APART / step))
    marked = [place for place in range(len(days)) if (len(days) - 1 - place) % every == 0]
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        ((f"{min(_LEFT + (place + 0.5) * step, _WIDTH - 30):.1f}", _HEIGHT - 8, days[place].name) for place in marked),
    )
