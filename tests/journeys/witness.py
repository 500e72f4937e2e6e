"""The platform's rows as a witness reads them, without any of its code: SQLite's file or a PostgreSQL database."""

import json
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]


class Witness:
    """One connection; ids are given and returned as 32 hex digits, JSON columns as text."""

    def __init__(self, where: Path | str) -> None:
        """Open SQLite's file (a path) or a PostgreSQL database (its URL)."""
        self._connection: Any
        self._is_file = isinstance(where, Path)
        if isinstance(where, Path):
            self._connection = sqlite3.connect(where, timeout=20, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
        else:
            self._connection = psycopg.connect(where, autocommit=True, row_factory=dict_row)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    def rows(self, query: str, *keys: str) -> list[Row]:
        """Return what a query finds; `?` stands for a key."""
        found = self._run(query, keys).fetchall()
        return [{name: _plain(row[name]) for name in row.keys()} for row in found]  # noqa: SIM118  (sqlite3.Row is no mapping)

    def change(self, query: str, *keys: str) -> int:
        """Change rows; return how many."""
        return int(self._run(query, keys).rowcount)

    def _run(self, query: str, keys: tuple[str, ...]) -> Any:
        if self._is_file:
            return self._connection.execute(query, keys)
        return self._connection.execute(query.replace("?", "%s"), [UUID(key) for key in keys])


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    return json.dumps(value) if isinstance(value, dict | list) else value
