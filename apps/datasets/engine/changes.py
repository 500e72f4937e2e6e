"""What differs between a version and the one before it that models may have learned from."""

from typing import Any

from apps.algorithms.schema import ColumnKind
from apps.datasets.models import DatasetVersion

_MOST = 20  # of one sort: a table of other columns altogether is said by the first
_ALIKE = {ColumnKind.INTEGER: ColumnKind.NUMBER, ColumnKind.TEXT: ColumnKind.CATEGORY}  # such as may follow from the values


def changes(version: DatasetVersion, columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a warning for each column that is gone, new, or of another type than in the last ready version."""
    same = DatasetVersion.objects.filter(dataset_id=version.dataset_id, number__lt=version.number)
    ready = same.filter(status=DatasetVersion.Status.READY).order_by("-number")
    before = ready.only("number", "columns").first()
    if before is None:
        return []
    old, new, number = _kinds(before.columns), _kinds(columns), before.number
    gone = [
        _warning(name, "column_gone", f"Version {number} had this column; it is missing here.") for name in old.keys() - new
    ]
    added = [_warning(name, "column_new", f"Version {number} did not have this column.") for name in new.keys() - old]
    other = [
        _warning(name, "column_type", f"It is read as {kind}; version {number} read it as {old[name]}.")
        for name, kind in new.items()
        if name in old and _ALIKE.get(old[name], old[name]) != _ALIKE.get(kind, kind)
    ]
    return [warning for found in (gone, added, other) for warning in sorted(found, key=lambda w: w["column"])[:_MOST]]


def _kinds(columns: list[dict[str, Any]]) -> dict[str, ColumnKind]:
    return {column["name"]: ColumnKind(column["dtype"]) for column in columns}


def _warning(column: str, code: str, detail: str) -> dict[str, Any]:
    return {"column": column, "code": code, "detail": detail}
