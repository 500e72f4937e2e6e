"""The vocabulary of tables: kinds of columns and the schema that a dataset shows, a model needs and a row must fit."""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class ColumnKind(StrEnum):
    """What a column holds, as inferred from its cells."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CATEGORY = "category"  # text, repeated values
    TEXT = "text"  # text, mostly distinct values


class Task(StrEnum):
    """What a model is asked for."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    ANOMALY = "anomaly"
    CLUSTERING = "clustering"
    FORECAST = "forecast"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its name as uploaded and its kind."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The input a model was trained on, in order; `target` is None where nothing is to be predicted from labels.

    `classes` holds the labels as they stood in the dataset (text, integers or booleans), in the order of the model's
    probability columns. `unused` columns stood in the table and teach nothing (one value, none, or an identifier): a row
    may hold them or not. Of a forecast, `time` and `series` name the columns that hold a row's time and the series it is of.
    """

    columns: tuple[Column, ...]
    target: str | None = None
    target_kind: ColumnKind | None = None
    classes: tuple[Any, ...] = field(default=())
    unused: tuple[Column, ...] = field(default=())
    time: str | None = None
    series: str | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes as keys of a JSON object: true and false in JSON's own words."""
        return tuple(json.dumps(label) if isinstance(label, bool) else str(label) for label in self.classes)

    def as_json(self) -> dict[str, Any]:
        """Return the schema as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "TableSchema":
        """Rebuild a schema from `as_json`."""
        return cls(
            columns=_columns(stored["columns"]),
            target=stored.get("target"),
            target_kind=ColumnKind(stored["target_kind"]) if stored.get("target_kind") else None,
            classes=tuple(stored.get("classes", ())),
            unused=_columns(stored.get("unused", [])),
            time=stored.get("time"),
            series=stored.get("series"),
        )


def _columns(stored: list[dict[str, str]]) -> tuple[Column, ...]:
    return tuple(Column(c["name"], ColumnKind(c["kind"])) for c in stored)
