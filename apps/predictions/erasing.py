"""Rows of one subject taken out of the prediction log; the places of the others stay, for their ids name them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.core.errors import NotFound
from apps.predictions.models import PredictionLog
from apps.predictions.selectors import unwritten

_AT_ONCE = 50  # entries; each may hold thousands of rows


def entries_of_subject(
    model_id: UUID, columns: Collection[str], matches: Callable[[Any], bool], hold: Callable[[], None]
) -> Iterator[tuple[PredictionLog, list[int]]]:
    """Yield a model's log entries that hold rows of a subject, the oldest first, with the places of those rows."""
    for entry in _oldest_first(PredictionLog.objects.filter(model_id=model_id), hold):
        if places := places_of_subject(entry.rows, columns, matches):
            yield entry, places


def entries_for_subject(
    workspace_id: UUID, pseudonyms: Collection[str], hold: Callable[[], None]
) -> Iterator[tuple[PredictionLog, list[int]]]:
    """Yield the log entries of requests that were said to be for a subject, with the places of all their rows."""
    for entry in _oldest_first(PredictionLog.objects.filter(model__workspace=workspace_id, subject__in=pseudonyms), hold):
        yield entry, [place for place, row in enumerate(entry.rows) if row is not None]


def _oldest_first(entries: QuerySet[PredictionLog], hold: Callable[[], None]) -> Iterator[PredictionLog]:
    """Yield entries in portions; those yielded may be removed meanwhile."""
    after = Q()
    while some := list(entries.filter(after).order_by("at", "pk")[:_AT_ONCE]):
        hold()
        yield from some
        last = some[-1]
        after = Q(at__gte=last.at) & (Q(at__gt=last.at) | Q(pk__gt=last.pk))


def places_of_subject(rows: Sequence[Any], columns: Collection[str], matches: Callable[[Any], bool]) -> list[int]:
    """Return the places of the rows in which one of these columns names the subject."""
    return [
        place
        for place, row in enumerate(rows)
        if row is not None and any(name in row and matches(row[name]) for name in columns)
    ]


def hold_entries(ids: Collection[UUID]) -> dict[UUID, list[Any]]:
    """Keep entries as they are until the caller's transaction ends; return their answers, None of an erased row.

    What is written about a row in that transaction comes before its erasure, which finds it, or not at all.
    """
    held = PredictionLog.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    return dict(held.values_list("pk", "predictions"))


def hold_predictions(places: Collection[tuple[UUID, int]]) -> None:
    """Keep predictions that were found a moment ago until the caller's transaction ends; raise `NotFound` for one erased since."""
    entries = {entry for entry, _ in places}
    waiting = unwritten(entries)
    held = hold_entries(entries)
    for entry, place in places:
        if entry in held and held[entry][place] is not None:
            continue
        if entry in held or entry not in waiting:
            raise NotFound(
                f"The prediction {entry.hex}-{place} was erased meanwhile. Nothing was taken: send the others again."
            )


def take_out(entry_id: UUID, places: Collection[int]) -> int:
    """Empty these places of an entry, or remove it when no row is left; in the caller's transaction. Return how many there were."""
    entry = PredictionLog.objects.select_for_update().filter(pk=entry_id).first()
    if entry is None:
        return 0
    taken = 0
    for place in places:
        if entry.rows[place] is not None:
            entry.rows[place] = entry.predictions[place] = None
            if entry.details:
                entry.details[place] = {}
            taken += 1
    if any(row is not None for row in entry.rows):
        entry.save(update_fields=["rows", "predictions", "details"])
    else:
        entry.delete()
    return taken


def kept(entry_rows: Sequence[Any], *beside: Sequence[Any]) -> tuple[list[Any], ...]:
    """Return the rows that were not erased, and what stands beside them."""
    if None not in entry_rows:
        return (list(entry_rows), *map(list, beside))
    places = [place for place, row in enumerate(entry_rows) if row is not None]
    return tuple([values[place] for place in places] if values else [] for values in (entry_rows, *beside))
