"""The rows of an SQLite file into an empty PostgreSQL database: how an installation that was tried out goes into production."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction

_SOURCE = "moved"
_ROWS_AT_ONCE = 500


def move_rows(dump: Path) -> None:
    """Bring both databases to this release, then copy every row in one transaction; the dump itself stays as it is."""
    with tempfile.TemporaryDirectory() as folder, _opened(dump, Path(folder) / dump.name):
        call_command("migrate", database=DEFAULT_DB_ALIAS, verbosity=0)
        call_command("migrate", database=_SOURCE, verbosity=0)
        tables = apps.get_models(include_auto_created=True)
        concrete = [model for model in tables if model._meta.managed and not model._meta.proxy]
        with transaction.atomic():  # references are looked at when it commits, so that the order does not matter
            for model in concrete:
                _empty(model)
            for model in concrete:
                _copy(model)
            _set_sequences(concrete)


@contextmanager
def _opened(dump: Path, copy: Path) -> Iterator[None]:
    copy.write_bytes(dump.read_bytes())
    connections.databases[_SOURCE] = {
        **connections.databases[DEFAULT_DB_ALIAS],
        "ENGINE": "django.db.backends.sqlite3", "NAME": str(copy), "OPTIONS": {},
    }  # fmt: skip
    try:
        yield
    finally:
        connections[_SOURCE].close()
        del connections[_SOURCE], connections.databases[_SOURCE]


def _empty(model: type[models.Model]) -> None:
    """Take away what `migrate` has written into an empty database."""
    model._base_manager.using(DEFAULT_DB_ALIAS).all()._raw_delete(DEFAULT_DB_ALIAS)  # no signals


def _copy(model: type[models.Model]) -> None:
    fields = [field for field in model._meta.concrete_fields if not getattr(field, "generated", False)]
    quoted = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table = connection.ops.quote_name(model._meta.db_table)
    insert = f"INSERT INTO {table} ({quoted}) VALUES ({places})"  # noqa: S608  (names of our own tables)
    rows = model._base_manager.using(_SOURCE).order_by("pk").values_list(*(field.attname for field in fields))
    with connection.cursor() as cursor:
        found = rows.iterator(_ROWS_AT_ONCE)
        while some := [_as_stored(fields, row) for row in islice(found, _ROWS_AT_ONCE)]:
            cursor.executemany(insert, some)


def _as_stored(fields: list[Any], row: tuple[Any, ...]) -> list[Any]:
    return [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)]


def _set_sequences(concrete: list[type[models.Model]]) -> None:
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), concrete):
            cursor.execute(statement)
