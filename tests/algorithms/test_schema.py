"""The schema that is stored with a version."""

import json

from apps.algorithms.schema import Column, ColumnKind, TableSchema


def test_a_schema_comes_back_from_its_json():
    schema = TableSchema(
        (Column("x", ColumnKind.NUMBER),), "y", ColumnKind.CATEGORY, ("a", "b"), (Column("id", ColumnKind.TEXT),)
    )

    assert TableSchema.from_json(schema.as_json()) == schema


def test_a_schema_stored_before_there_were_unused_columns_is_read():
    stored = {"columns": [{"name": "x", "kind": "number"}], "target": "y", "target_kind": "category", "classes": ["a", "b"]}

    schema = TableSchema.from_json(stored)

    assert (schema.columns, schema.unused) == ((Column("x", ColumnKind.NUMBER),), ())


def test_classes_are_named_as_keys_of_json_are():
    labels = (True, False, 3, "Yes")

    assert TableSchema((), "y", classes=labels).class_names == tuple(json.loads(json.dumps(dict.fromkeys(labels))))
