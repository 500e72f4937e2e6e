"""Series and their forecasts as SVG, drawn by the server: what was observed, what was said, and the band around it."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.dashboard.figures import tick_labels, ticks

_WIDE, _NARROW = (720, 260), (340, 230)  # of a desk, and of a telephone, where the letters of the other would be too small
_LEFT, _TOP, _RIGHT, _BOTTOM = 62, 10, 18, 26
_LONELY_RADIUS = 1.6

Observed = Sequence[tuple[int, float | None]]  # (place, value)
Forecast = Sequence[tuple[int, float, float, float]]  # (place, low, middle, high)


def time_chart(
    observed: Observed, forecasts: Sequence[Forecast], marks: Sequence[tuple[int, str]], *, title: str
) -> SafeString:
    """Draw one series and the forecasts made of it, wide and narrow: a page shows what fits.

    `marks` name some places on the axis of time; on the narrow one there is room for two.
    """
    heights = [value for _, value in observed if value is not None]
    heights += [height for forecast in forecasts for point in forecast for height in point[1:]]
    places = [place for place, _ in observed] + [point[0] for forecast in forecasts for point in forecast]
    if not heights:
        return SafeString("")
    ends = (min(places), max(places), min(heights), max(heights))
    few = [*marks[:1], *marks[1:][-1:]]
    return format_html(
        "{}{}",
        _drawn("wide", _Frame(*ends, _WIDE), observed, forecasts, marks, title),
        _drawn("narrow", _Frame(*ends, _NARROW), observed, forecasts, few, title),
    )


def _drawn(
    size: str,
    frame: "_Frame",
    observed: Observed,
    forecasts: Sequence[Forecast],
    marks: Sequence[tuple[int, str]],
    title: str,
) -> SafeString:
    bands = format_html_join("", '<polygon class="band" points="{}"/>', ((frame.band(one),) for one in forecasts))
    lines = format_html_join(
        "", '<polyline class="observed" points="{}"/>', ((frame.path(run),) for run in _runs(observed) if len(run) > 1)
    )
    lonely = format_html_join(
        "",
        '<circle class="observed" cx="{}" cy="{}" r="{}"/>',
        ((*frame.at(*run[0]), _LONELY_RADIUS) for run in _runs(observed) if len(run) == 1),
    )
    middles = format_html_join(
        "",
        '<polyline class="ahead" points="{}"/>',
        ((frame.path([(place, middle) for place, _, middle, _ in one]),) for one in forecasts),
    )
    return format_html(
        '<svg class="chart plot {}" viewBox="0 0 {} {}" role="img"><title>{}</title>{}'
        '<rect class="frame" x="{}" y="{}" width="{}" height="{}"/>{}{}{}{}</svg>',
        size, frame.whole[0], frame.whole[1], title, frame.grid(marks), _LEFT, _TOP, frame.width, frame.height,
        bands, lines, lonely, middles,
    )  # fmt: skip


def _runs(observed: Observed) -> Iterator[list[tuple[int, float]]]:
    """Return the stretches without a gap."""
    for is_known, run in groupby(observed, key=lambda point: point[1] is not None):
        if is_known:
            yield [(place, value) for place, value in run if value is not None]


class _Frame:
    """A frame whose axes have scales of their own."""

    def __init__(self, first: int, last: int, low: float, high: float, whole: tuple[int, int]) -> None:
        self.first, self.steps = first, max(1, last - first)
        self.low, self.high = low, high if high > low else low + 1.0
        self.whole = whole
        self.width, self.height = whole[0] - _LEFT - _RIGHT, whole[1] - _TOP - _BOTTOM

    def at(self, place: float, value: float) -> tuple[str, str]:
        x = _LEFT + (place - self.first) / self.steps * self.width
        y = _TOP + self.height - (value - self.low) / (self.high - self.low) * self.height
        return f"{x:.1f}", f"{y:.1f}"

    def path(self, points: Sequence[tuple[int, float]]) -> str:
        return " ".join(",".join(self.at(place, value)) for place, value in points)

    def band(self, forecast: Forecast) -> str:
        over = [(place, high) for place, _, _, high in forecast]
        under = [(place, low) for place, low, _, _ in reversed(forecast)]
        return self.path([*over, *under])

    def grid(self, marks: Sequence[tuple[int, str]]) -> SafeString:
        """Return the lines and numbers of both axes."""
        heights = ticks(self.low, self.high)
        rows = zip(heights, tick_labels(heights), strict=True)
        right, bottom = _LEFT + self.width, _TOP + self.height
        across = format_html_join(
            "",
            '<line class="grid" x1="{0}" y1="{2}" x2="{1}" y2="{2}"/><text x="{3}" y="{2}" dy="0.35em" text-anchor="end">{4}</text>',
            ((_LEFT, right, self.at(self.first, height)[1], _LEFT - 6, label) for height, label in rows),
        )
        along = format_html_join(
            "",
            '<line class="grid" x1="{0}" y1="{1}" x2="{0}" y2="{2}"/><text x="{0}" y="{3}" text-anchor="middle">{4}</text>',
            ((self.at(place, self.low)[0], _TOP, bottom, bottom + 16, label) for place, label in marks),
        )
        return format_html("{}{}", across, along)
