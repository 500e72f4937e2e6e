"""A column then and now as SVG, drawn by the server: what a version learned from beside the rows of a window."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.dashboard.figures import percent

_WIDTH, _HEIGHT = 340, 150
_LEFT, _TOP, _RIGHT, _BOTTOM = 46, 8, 6, 22
_WORDS = 72  # width of "manquantes", and a little
_APART = 16  # between ranges and what is no range
_LINE, _NAMES, _SHARES = 26, 112, 44  # of a level: its height, and the room for its name and its shares
_LONGEST_NAME = 18


@dataclass(frozen=True, slots=True)
class Pair:
    """One bin: what is in it, and the shares of rows then and now."""

    words: str
    then: float
    now: float
    is_range: bool = True


def ranges(pairs: Sequence[Pair], marks: Sequence[tuple[float, str]], *, title: str, told: str) -> SafeString:
    """Draw ranges side by side, two bars each; what is no range stands apart at the right.

    `marks` are written below: each with its place, counted in ranges from the left end of the first.
    """
    most = max((max(one.then, one.now) for one in pairs), default=0.0) or 1.0
    gaps = sum(not one.is_range for one in pairs) * _APART
    step = (_WIDTH - _LEFT - _RIGHT - gaps) / max(1, len(pairs))
    height, bottom = _HEIGHT - _TOP - _BOTTOM, _HEIGHT - _BOTTOM
    x, groups = float(_LEFT), []
    below = [(f"{_LEFT + place * step:.1f}", bottom + 14, "middle", text) for place, text in marks]
    if gaps:  # what is written at the right needs the room
        below = [one for one in below if float(one[0]) < _WIDTH - _RIGHT - _WORDS]
    for one in pairs:
        x += 0 if one.is_range else _APART
        bars = [
            (name, f"{x + at * step * 0.42 + step * 0.08:.1f}", f"{bottom - size:.1f}", f"{step * 0.42:.1f}", f"{size:.1f}")
            for at, (name, size) in enumerate((("then", one.then / most * height), ("now", one.now / most * height)))
        ]
        groups.append((one.words, percent(one.then), percent(one.now), _bars(bars)))
        if not one.is_range:
            below.append((f"{x + step:.1f}", bottom + 14, "end", one.words))
        x += step
    drawn = format_html_join("", "<g><title>{}: {} → {}</title>{}</g>", groups)
    written = format_html_join("", '<text x="{}" y="{}" text-anchor="{}">{}</text>', below)
    return format_html(
        '<svg class="chart plot pairs" viewBox="0 0 {} {}" role="img"><title>{}</title><desc>{}</desc>'
        '<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>'
        '<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/>{}{}</svg>',
        _WIDTH, _HEIGHT, title, told, _LEFT, _TOP, _WIDTH - _RIGHT, _TOP, _LEFT - 4, _TOP + 4, percent(most),
        _LEFT, bottom, _WIDTH - _RIGHT, bottom, drawn, written,
    )  # fmt: skip


def levels(pairs: Sequence[Pair], *, title: str, told: str) -> SafeString:
    """Draw levels below one another, two bars each, with their shares in figures."""
    most = max((max(one.then, one.now) for one in pairs), default=0.0) or 1.0
    room, rows = _WIDTH - _NAMES - _SHARES, []
    for place, one in enumerate(pairs):
        top = place * _LINE + 3
        sizes = (("then", one.then / most * room), ("now", one.now / most * room))
        bars = [(name, _NAMES, top + at * 10, f"{size:.1f}", 9) for at, (name, size) in enumerate(sizes)]
        name = one.words if len(one.words) <= _LONGEST_NAME else f"{one.words[: _LONGEST_NAME - 1]}…"
        ends = [(f"{_NAMES + size + 4:.1f}", top + at * 10 + 8, percent(share)) for at, ((_, size), share) in
                enumerate(zip(sizes, (one.then, one.now), strict=True))]  # fmt: skip
        figures = format_html_join("", '<text x="{}" y="{}">{}</text>', ends)
        rows.append((one.words, percent(one.then), percent(one.now), _NAMES - 6, top + 13, name, _bars(bars), figures))
    drawn = format_html_join(
        "", '<g><title>{}: {} → {}</title><text x="{}" y="{}" text-anchor="end">{}</text>{}{}</g>', rows
    )
    return format_html(
        '<svg class="chart plot pairs" viewBox="0 0 {} {}" role="img"><title>{}</title><desc>{}</desc>{}</svg>',
        _WIDTH, len(pairs) * _LINE + 4, title, told, drawn,
    )  # fmt: skip


def _bars(places: Sequence[tuple[object, ...]]) -> SafeString:
    return format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>', places)
