"""Missing values: whether their share changed, by an exact test of two shares."""

from apps.monitoring.detectors.chances import chance_of_drawing
from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.finding import LEAST_ROWS, NOT_ENOUGH, Finding, share, unknown

THRESHOLD = 0.05  # of all rows


def missingness(column: ColumnCounts) -> Finding:
    """Compare how many rows miss a value, more or fewer than in the reference; a column that is all missing is judged too.

    Where no value is missing on either side there is nothing to test.
    """
    of = column.reference
    if min(column.rows, of.rows) < LEAST_ROWS:
        lacks = NOT_ENOUGH.format(known=column.known, rows=column.rows, reference=of.rows, least=LEAST_ROWS)
        return unknown("missingness", of.name, THRESHOLD, lacks)
    if not column.missing and not of.missing:
        return Finding("missingness", of.name, 0.0, 0.0, None, THRESHOLD, "No value is missing, as before.")
    then, now = of.missing / of.rows, column.missing / column.rows
    total, missing = of.rows + column.rows, of.missing + column.missing
    if now > then:
        chance = chance_of_drawing(column.missing, drawn=column.rows, marked=missing, total=total)
    else:
        chance = chance_of_drawing(column.known, drawn=column.rows, marked=total - missing, total=total)
    sentence = f"{share(now)} of the rows miss a value, before it was {share(then)}."
    return Finding("missingness", of.name, now - then, abs(now - then), min(1.0, 2 * chance), THRESHOLD, sentence)
