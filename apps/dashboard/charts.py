"""Charts as SVG, drawn by the server: no script, no library, readable by a screen reader through their titles."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.dashboard.figures import percent, tick_labels, ticks

_WIDTH, _HEIGHT = 340, 230
_GROUP_COLOURS = ("of-0", "of-1", "of-2", "of-3", "of-4", "of-5")
_LEFT, _TOP, _RIGHT, _BOTTOM = 62, 10, 24, 40  # room for numbers and titles around the frame
_MOST_DOTS = 20  # a line of more points is drawn without a dot on each


def histogram(counts: Sequence[float], *, title: str, height: int = 44, width: int = 160) -> SafeString:
    """Draw bars side by side."""
    most = max(counts, default=0) or 1
    step = width / max(1, len(counts))
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}"/>',
        (
            (f"{i * step:.1f}", f"{height - height * c / most:.1f}", f"{max(step - 1, 1):.1f}", f"{height * c / most:.1f}")
            for i, c in enumerate(counts)
        ),
    )
    return format_html(
        '<svg class="chart bars" viewBox="0 0 {} {}" role="img" preserveAspectRatio="none"><title>{}</title>{}</svg>',
        width, height, title, bars,
    )  # fmt: skip


def share_bar(share: float, *, title: str, tone: str = "") -> SafeString:
    """Draw one horizontal bar filled to `share` (0..1)."""
    return format_html(
        '<svg class="chart share {}" viewBox="0 0 100 6" role="img" preserveAspectRatio="none"><title>{}</title>'
        '<rect class="track" width="100" height="6"/><rect width="{}" height="6"/></svg>',
        tone, title, f"{max(0.0, min(1.0, share)) * 100:.1f}",
    )  # fmt: skip


def signed_bar(value: float, largest: float, *, title: str) -> SafeString:
    """Draw a bar to the right of the middle for a positive value, to the left for a negative one."""
    size = 50 * abs(value) / largest if largest else 0.0
    start, tone = (50.0, "up") if value >= 0 else (50.0 - size, "down")
    return format_html(
        '<svg class="chart signed" viewBox="0 0 100 8" role="img" preserveAspectRatio="none"><title>{}</title>'
        '<rect class="axis" x="49.8" width="0.4" height="8"/><rect class="{}" x="{}" width="{}" height="8" rx="1"/></svg>',
        title, tone, f"{start:.2f}", f"{size:.2f}",
    )  # fmt: skip


def line(points: Sequence[Sequence[float]], *, title: str, x_label: str, y_label: str, diagonal: bool = True) -> SafeString:
    """Draw points in the unit square as a line, with the diagonal to compare with."""
    plot = _Plot(0.0, 1.0)
    drawn = format_html(
        '<polyline points="{}"/>{}', plot.path(points), plot.dots(points if len(points) <= _MOST_DOTS else [], 2.6)
    )
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    marks = list(zip(shares, map(percent, shares), strict=True))
    return plot.framed(drawn, marks, title=title, x_label=x_label, y_label=y_label, diagonal=diagonal)


def lines(
    series: Sequence[Sequence[Sequence[float]]], names: Sequence[str], *, title: str, x_label: str, y_label: str
) -> SafeString:
    """Draw several lines in the unit square, each named in its own colour, with the diagonal to compare with."""
    plot = _Plot(0.0, 1.0)
    paths = (
        (
            place,
            plot.path(points),
            plot.path([(0.56, 0.16 - 0.08 * place), (0.64, 0.16 - 0.08 * place)]),
            f"{plot.x(0.66):.1f}",
            f"{plot.y(0.14 - 0.08 * place):.1f}",
            name,
        )
        for place, (points, name) in enumerate(zip(series, names, strict=True))
    )
    drawn = format_html_join(
        "",
        '<polyline class="series-{0}" points="{1}"/><polyline class="series-{0}" points="{2}"/>'
        '<text class="series-{0}" x="{3}" y="{4}">{5}</text>',
        paths,
    )
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    marks = list(zip(shares, map(percent, shares), strict=True))
    return plot.framed(drawn, marks, title=title, x_label=x_label, y_label=y_label)


def scatter(points: Sequence[Sequence[float]], *, title: str, x_label: str, y_label: str) -> SafeString:
    """Draw points of any scale, with the line on which both coordinates are equal."""
    if not points:
        return SafeString("")
    low = min(min(point) for point in points)
    high = max(max(point) for point in points)
    plot = _Plot(low, high)
    return plot.framed(plot.dots(points, 1.8, "dot"), _numbered(low, high), title=title, x_label=x_label, y_label=y_label)


def groups(points: Sequence[tuple[float, float, int]], *, title: str, x_label: str, y_label: str) -> SafeString:
    """Draw rows as dots, those of one group in one colour (the seventh group has the first one's), those of none in grey."""
    if not points:
        return SafeString("")
    flat = [value for x, y, _ in points for value in (x, y)]
    plot = _Plot(min(flat), max(flat))
    of_group: dict[int, list[tuple[float, float]]] = {}
    for x, y, group in points:
        of_group.setdefault(group, []).append((x, y))
    names = {
        group: "group none" if group < 0 else f"group {_GROUP_COLOURS[group % len(_GROUP_COLOURS)]}" for group in of_group
    }
    drawn = format_html_join("", "{}", ((plot.dots(of_group[group], 2.4, names[group]),) for group in sorted(of_group)))
    return plot.framed(drawn, _numbered(min(flat), max(flat)), title=title, x_label=x_label, y_label=y_label, diagonal=False)


def residuals(points: Sequence[Sequence[float]], *, title: str, x_label: str, y_label: str) -> SafeString:
    """Draw points whose axes have scales of their own, with the line at which the upright one is 0."""
    if not points:
        return SafeString("")
    across, up = [x for x, _ in points], [y for _, y in points]
    reach = max(abs(value) for value in up) or 1.0
    plot = _Plot(min(across), max(across), (-reach, reach))
    level = format_html(
        '<line class="guide" x1="{}" y1="{}" x2="{}" y2="{}"/>',
        _LEFT,
        f"{plot.y(0):.1f}",
        _LEFT + plot.width,
        f"{plot.y(0):.1f}",
    )
    drawn = level + plot.dots(points, 1.8, "dot")
    marks, upright = (_numbered(*ends) for ends in ((min(across), max(across)), (-reach, reach)))
    return plot.framed(drawn, marks, title=title, x_label=x_label, y_label=y_label, diagonal=False, upright=upright)


def distribution(
    edges: Sequence[float], counts: Sequence[float], *, title: str, x_label: str, y_label: str, mark: float | None = None
) -> SafeString:
    """Draw counts between edges as bars, on numbered axes; a dashed line stands at `mark`."""
    least, most = edges[0], max(edges[-1], edges[0] if mark is None else mark)
    plot = _Plot(least, most, (0.0, max(counts, default=0) or 1))
    bars = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>',
        (
            (f"{plot.x(low):.1f}", f"{plot.y(count):.1f}", f"{max(plot.x(high) - plot.x(low) - 1, 1):.1f}", f"{plot.y(0) - plot.y(count):.1f}")
            for low, high, count in zip(edges, edges[1:], counts, strict=False)
        ),
    )  # fmt: skip
    if mark is not None:
        at = f"{plot.x(max(mark, least)):.1f}"
        bars += format_html('<line class="guide" x1="{0}" y1="{1}" x2="{0}" y2="{2}"/>', at, _TOP, f"{plot.y(0):.1f}")
    marks, upright = _numbered(least, most), _numbered(0.0, max(counts, default=0) or 1)
    return plot.framed(bars, marks, title=title, x_label=x_label, y_label=y_label, diagonal=False, upright=upright)


def _numbered(low: float, high: float) -> list[tuple[float, str]]:
    places = ticks(low, high)
    return list(zip(places, tick_labels(places), strict=True))


def rising(values: Sequence[float], *, title: str, x_label: str, y_label: str) -> SafeString:
    """Draw values by their number, from 1, over an axis that begins at zero."""
    most = max(*values, 1.0)
    plot = _Plot(1.0, float(max(2, len(values))), (0.0, most))
    drawn = format_html('<polyline points="{}"/>', plot.path(list(enumerate(values, start=1))))
    numbers = dict.fromkeys(round(number) for number in ticks(1, len(values)))
    marks = [(float(number), str(number)) for number in numbers]
    return plot.framed(
        drawn, marks, title=title, x_label=x_label, y_label=y_label, diagonal=False, upright=_numbered(0.0, most)
    )


class _Plot:
    """A frame whose two axes share one scale, from `low` to `high`, or with one of its own for the upright axis."""

    def __init__(self, low: float, high: float, upright: tuple[float, float] | None = None) -> None:
        self.low, self.spread = low, (high - low) or 1.0
        bottom, top = upright or (low, high)
        self.bottom, self.rise = bottom, (top - bottom) or 1.0
        self.width, self.height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(self, value: float) -> float:
        return _LEFT + (value - self.low) / self.spread * self.width

    def y(self, value: float) -> float:
        return _TOP + self.height - (value - self.bottom) / self.rise * self.height

    def path(self, points: Sequence[Sequence[float]]) -> str:
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)

    def dots(self, points: Sequence[Sequence[float]], radius: float, name: str = "") -> SafeString:
        places = ((name, f"{self.x(x):.1f}", f"{self.y(y):.1f}", radius) for x, y in points)
        return format_html_join("", '<circle class="{}" cx="{}" cy="{}" r="{}"/>', places)

    def framed(
        self,
        drawn: SafeString,
        marks: Sequence[tuple[float, str]],
        *,
        title: str,
        x_label: str,
        y_label: str,
        diagonal: bool = True,
        upright: Sequence[tuple[float, str]] | None = None,
    ) -> SafeString:
        """Return the drawing in its frame, numbers and titles beside the axes; `upright` are the numbers of that axis."""
        bottom, right, middle = _TOP + self.height, _LEFT + self.width, _TOP + self.height // 2
        guide = format_html('<line class="guide" x1="{}" y1="{}" x2="{}" y2="{}"/>', _LEFT, bottom, right, _TOP)
        return format_html(
            '<svg class="chart plot" viewBox="0 0 {} {}" role="img"><title>{}</title>{}'
            '<rect class="frame" x="{}" y="{}" width="{}" height="{}"/>{}{}'
            '<text class="title" x="{}" y="{}" text-anchor="middle">{}</text>'
            '<text class="title" x="11" y="{}" text-anchor="middle" transform="rotate(-90 11 {})">{}</text></svg>',
            _WIDTH, _HEIGHT, title, self._numbers(marks, marks if upright is None else upright), _LEFT, _TOP, self.width, self.height,
            guide if diagonal else "", drawn, _LEFT + self.width // 2, _HEIGHT - 6, x_label, middle, middle, y_label,
        )  # fmt: skip

    def _numbers(self, marks: Sequence[tuple[float, str]], upright: Sequence[tuple[float, str]]) -> SafeString:
        bottom, right = _TOP + self.height, _LEFT + self.width
        below = format_html_join(
            "",
            '<line class="grid" x1="{0}" y1="{2}" x2="{0}" y2="{3}"/><text x="{0}" y="{4}" text-anchor="middle">{1}</text>',
            ((f"{self.x(value):.1f}", label, _TOP, bottom, bottom + 14) for value, label in marks),
        )
        beside = format_html_join(
            "",
            '<line class="grid" x1="{2}" y1="{0}" x2="{3}" y2="{0}"/>'
            '<text x="{4}" y="{0}" dy="0.35em" text-anchor="end">{1}</text>',
            ((f"{self.y(value):.1f}", label, _LEFT, right, _LEFT - 6) for value, label in upright),
        )
        return below + beside
