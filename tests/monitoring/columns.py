"""Columns for the tests of drift: references and counts of values at hand."""

from typing import Any

from apps.algorithms.engine.reference import reference_of
from apps.algorithms.reference import ColumnReference
from apps.algorithms.schema import Column, ColumnKind
from apps.monitoring.detectors.counts import ColumnCounts


def of(kind: ColumnKind, values: Any) -> ColumnReference:
    return reference_of((Column("c", kind),), {"c": values}, len(values)).columns[0]


def compared(then: Any, now: Any, kind: ColumnKind = ColumnKind.NUMBER) -> ColumnCounts:
    return ColumnCounts.none_of(of(kind, then)).add(now)
