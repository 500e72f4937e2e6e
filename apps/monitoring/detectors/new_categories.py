"""New categories: rows whose level the reference never saw, more of them than rare levels explain."""

from apps.monitoring.detectors.chances import chance_of_strangers
from apps.monitoring.detectors.counts import ColumnCounts
from apps.monitoring.detectors.finding import Finding, share, unknown

THRESHOLD = 0.01  # of the rows that have a value
_NAMED = 3
_TOO_MANY = "The column has too many levels to list them all: a new one shows as a change of their shares."


def new_categories(column: ColumnCounts) -> Finding:
    """Count rows of levels that are not in the reference; of a column that always had rare levels some are expected."""
    of = column.reference
    if not of.has_levels or of.others or column.lacks:
        lacks = column.lacks or (_TOO_MANY if of.has_levels else "The column holds no categories.")
        return unknown("new_categories", of.name, THRESHOLD, lacks)
    now = column.new / column.known
    chance = chance_of_strangers(column.new, rows=column.known, singles=of.singles, pairs=of.pairs, of=of.known)
    return Finding("new_categories", of.name, now, now, chance, THRESHOLD, _told(column, now))


def _told(column: ColumnCounts, now: float) -> str:
    if not column.new:
        return "No new category was met."
    commonest = sorted(column.strangers, key=lambda level: (-column.strangers[level], level))[:_NAMED]
    named = ", ".join(repr(level if len(level) <= 60 else f"{level[:59]}…") for level in commonest)
    return f"{share(now)} of the rows have a category that was never seen in training, such as {named}."
