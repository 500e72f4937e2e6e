"""Which rows the labels of a table call anomalies. Worker only."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_USUAL = ("0", "false", "normal", "no", "non", "inlier")  # labels of rows that are no anomaly
_INSIDE, _OUTSIDE = "1", "-1"  # as libraries write them
_MOST_KEPT = 20  # labels


@dataclass(frozen=True)
class Truth:
    """The rows that have a label, which of these are anomalies (one value each), and what is to be said of the reading."""

    rows: npt.NDArray[np.int64]
    anomalies: npt.NDArray[np.bool_]
    warnings: tuple[str, ...] = ()


def counts_of(labels: Iterable[Any]) -> dict[str, int]:
    """Return the commonest labels, in small letters, with their rows; missing ones (None, NaN) are not counted."""
    return dict(Counter(text for text in map(_text, labels) if text is not None).most_common(_MOST_KEPT))


def read_labels(labels: list[Any], counts: Mapping[str, int]) -> Truth | None:
    """Return which rows are anomalies by their labels; None where it cannot be said which label is the usual one.

    `counts` are `counts_of` the rows that were learned from. Of two labels the commoner one of these is the usual one, of more,
    or of two in even numbers, the one whose word says so.
    """
    texts = [_text(label) for label in labels]
    rows = np.flatnonzero([text is not None for text in texts])
    names = {text for text in texts if text is not None} | set(counts)
    known = _INSIDE if names <= {_INSIDE, _OUTSIDE} else next((name for name in _USUAL if name in names), None)
    usual, other = known, None
    if len(names) == 2:
        rarer, commoner = sorted(names, key=lambda name: counts.get(name, 0))
        if counts.get(rarer, 0) < counts.get(commoner, 0):
            usual, other = commoner, rarer
    if usual is None or not len(rows):
        return None
    anomalies = np.array([texts[row] != usual for row in rows.tolist()], dtype=bool)
    if other is None or usual == known:
        return Truth(rows, anomalies)
    shown = next((str(label) for label, text in zip(labels, texts, strict=True) if text == other), other)
    return Truth(
        rows, anomalies, (f"Rows labelled {shown!r} are taken for the anomalies: of the two labels it is the rarer.",)
    )


def _text(label: Any) -> str | None:
    """Return a label in small letters, whole numbers without a point; None for a missing one."""
    if label is None or label != label:  # noqa: PLR0124  (NaN)
        return None
    return str(int(label) if isinstance(label, float) and label.is_integer() else label).strip().lower()
