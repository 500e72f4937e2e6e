"""Charts as SVG, drawn by the server: no script, no library, readable by a screen reader through their titles."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH, _HEIGHT = 320, 180
_PAD = 26


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
    inner_w, inner_h = _WIDTH - 2 * _PAD, _HEIGHT - 2 * _PAD
    path = " ".join(f"{_PAD + x * inner_w:.1f},{_HEIGHT - _PAD - y * inner_h:.1f}" for x, y in points)
    dots = format_html_join(
        "",
        '<circle cx="{}" cy="{}" r="2.6"/>',
        (
            (f"{_PAD + x * inner_w:.1f}", f"{_HEIGHT - _PAD - y * inner_h:.1f}")
            for x, y in (points if len(points) <= 20 else [])
        ),
    )
    guide = (
        format_html('<line class="guide" x1="{}" y1="{}" x2="{}" y2="{}"/>', _PAD, _HEIGHT - _PAD, _WIDTH - _PAD, _PAD)
        if diagonal
        else ""
    )
    return format_html(
        '<svg class="chart plot" viewBox="0 0 {} {}" role="img"><title>{}</title>'
        '<rect class="frame" x="{}" y="{}" width="{}" height="{}"/>{}<polyline points="{}"/>{}'
        '<text x="{}" y="{}" text-anchor="middle">{}</text>'
        '<text x="11" y="{}" text-anchor="middle" transform="rotate(-90 11 {})">{}</text></svg>',
        _WIDTH, _HEIGHT, title, _PAD, _PAD, inner_w, inner_h, guide, path, dots,
        _WIDTH // 2, _HEIGHT - 7, x_label, _HEIGHT // 2, _HEIGHT // 2, y_label,
    )  # fmt: skip


def scatter(points: Sequence[Sequence[float]], *, title: str, x_label: str, y_label: str) -> SafeString:
    """Draw points of any scale, with the line on which both coordinates are equal."""
    if not points:
        return SafeString("")
    low = min(min(p) for p in points)
    high = max(max(p) for p in points)
    spread = (high - low) or 1.0
    inner_w, inner_h = _WIDTH - 2 * _PAD, _HEIGHT - 2 * _PAD
    dots = format_html_join(
        "",
        '<circle class="dot" cx="{}" cy="{}" r="1.8"/>',
        (
            (f"{_PAD + (x - low) / spread * inner_w:.1f}", f"{_HEIGHT - _PAD - (y - low) / spread * inner_h:.1f}")
            for x, y in points
        ),
    )
    return format_html(
        '<svg class="chart plot" viewBox="0 0 {} {}" role="img"><title>{}</title>'
        '<rect class="frame" x="{}" y="{}" width="{}" height="{}"/>'
        '<line class="guide" x1="{}" y1="{}" x2="{}" y2="{}"/>{}'
        '<text x="{}" y="{}" text-anchor="middle">{}</text>'
        '<text x="11" y="{}" text-anchor="middle" transform="rotate(-90 11 {})">{}</text></svg>',
        _WIDTH, _HEIGHT, title, _PAD, _PAD, inner_w, inner_h, _PAD, _HEIGHT - _PAD, _WIDTH - _PAD, _PAD, dots,
        _WIDTH // 2, _HEIGHT - 7, x_label, _HEIGHT // 2, _HEIGHT // 2, y_label,
    )  # fmt: skip
