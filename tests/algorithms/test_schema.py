"""The schema that is stored with a version."""

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
