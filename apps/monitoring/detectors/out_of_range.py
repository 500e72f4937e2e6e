"""Out of range: rows below the least or above the largest value of the reference, more of them than chance puts there."""

from apps.monitoring.detectors.chances import chance_of_beyond
from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.finding import Finding, share, shown, unknown

THRESHOLD = 0.01  # of the rows that have a value


def out_of_range(column: ColumnCounts) -> Finding:
    """Count rows beyond either end; where nothing moved, any order of old and new values is as likely as another."""
    of = column.reference
    if of.has_levels or column.lacks or of.least is None or of.largest is None:
        return unknown("out_of_range", of.name, THRESHOLD, column.lacks or "The column holds no numbers.")
    total, outside = of.known + column.known, column.below + column.above
    chances = [chance_of_beyond(beyond, drawn=column.known, total=total) for beyond in (column.below, column.above)]
    now = outside / column.known
    sentence = (
        f"{share(now)} of the rows lie outside what was seen in training, {shown(of.least, of.kind)} to {shown(of.largest, of.kind)}."
        if outside
        else "All rows lie within what was seen in training."
    )
    return Finding("out_of_range", of.name, now, now, min(1.0, 2 * min(chances)), THRESHOLD, sentence)
