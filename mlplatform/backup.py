"""A whole installation in one folder, and back: the database, the models, the data sets, each file with its checksum.

The database is dumped first. A file that a row names is not removed while a backup is made (`files_stay`), so that every file
which the dump names is still there to be copied after it, while the platform goes on working; what an upload or a batch
leaves behind and a sweep takes away meanwhile is named by none.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder

from apps.core import clock
from apps.core.artifacts import ArtifactDamaged, sha256_of, storage_guard, verify_folder, write_atomically
from apps.core.errors import Conflict, Unavailable
from apps.core.instance import LOCK, files_stay
from mlplatform.moving import move_rows

FORMAT = 1
MANIFEST = "backup.json"
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
_KEY_FILE = "secret_key"
_PASSING, _UNFINISHED = (
    (".staging-", ".probe-", ".removed-", LOCK, "incoming"),
    ".part",
)  # what is on its way: no row names it


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds: when it was made, how many rows each table had, how many files and bytes there are."""

    created_at: str
    vendor: str
    rows: dict[str, int]
    files: int
    size_bytes: int


def make_backup(target: Path) -> Backup:
    """Write a backup to a folder that does not exist yet; it appears whole or not at all."""
    if target.exists():
        raise Conflict(f"{target} exists already. Name a folder that does not.")
    beside = target.with_name(f".{target.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with storage_guard(), files_stay(_stores()["models"]):
            beside.mkdir(parents=True, mode=0o700)
            rows = row_counts()
            _dump(beside / DATABASES[connection.vendor])
            for name, store in _stores().items():
                _copy_store(store, beside / name)
            if (secret := Path(settings.VAR_DIR) / _KEY_FILE).exists():
                shutil.copy2(secret, beside / _KEY_FILE)
            files = {path.relative_to(beside).as_posix(): sha256_of(path) for path in _files(beside)}
            size = sum(path.stat().st_size for path in _files(beside))
            made = Backup(clock.now().isoformat(), connection.vendor, rows, len(files), size)
            facts = {
                "format": FORMAT, "created_at": made.created_at, "database": made.vendor, "rows": rows,
                "migrations": _migrations(), "files": files, "size_bytes": size,
            }  # fmt: skip
            write_atomically(beside / MANIFEST, json.dumps(facts, indent=1).encode())
            _flush(beside)
            beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return made


def restore_backup(source: Path) -> Backup:
    """Fill an empty installation from a backup, after every checksum has been looked at; refuse any other place.

    A backup of SQLite goes into PostgreSQL too, row by row.
    """
    facts = _checked(source)
    if (facts["database"], connection.vendor) == ("postgresql", "sqlite"):
        raise Conflict("The backup is of PostgreSQL, this installation uses SQLite. Name a PostgreSQL in DATABASE_URL.")
    if connection.introspection.table_names():
        raise Conflict("The database is not empty. Restore into a new one, before `migrate`.")
    for store in _stores().values():
        if any(path.is_file() for path in store.rglob("*") if path.parent != store):
            raise Conflict(f"{store} is not empty. Restore into an empty folder.")
    with storage_guard():
        for name, store in _stores().items():
            if (source / name).is_dir():
                shutil.copytree(source / name, store, dirs_exist_ok=True)
                _flush(store)
        own_secret = Path(settings.VAR_DIR) / _KEY_FILE
        if (source / _KEY_FILE).exists():
            shutil.copy2(source / _KEY_FILE, own_secret)
    dump = source / DATABASES[facts["database"]]
    if facts["database"] == connection.vendor:
        _load(dump)
    else:
        move_rows(dump)
    return Backup(facts["created_at"], facts["database"], facts["rows"], len(facts["files"]), facts["size_bytes"])


def row_counts() -> dict[str, int]:
    """Return the number of rows of every table, by its name."""
    with connection.cursor() as cursor:
        counts = {}
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608  (a table's own name)
            counts[table] = int(cursor.fetchone()[0])
    return counts


def _checked(source: Path) -> dict[str, Any]:
    manifest = source / MANIFEST
    if not manifest.is_file():
        raise Conflict(f"{source} is no backup: it has no {MANIFEST}.")
    try:
        facts: dict[str, Any] = json.loads(manifest.read_text())
        files = facts["files"]
    except (ValueError, KeyError) as error:
        raise ArtifactDamaged(f"{manifest} cannot be read: {error}") from error
    if facts.get("format") != FORMAT:
        raise Conflict(f"The backup has format {facts.get('format')}; this release reads {FORMAT}.")
    verify_folder(source, {**files, MANIFEST: sha256_of(manifest)})
    return facts


def _stores() -> dict[str, Path]:
    return {"models": Path(settings.ML_MODELS_DIR), "datasets": Path(settings.DATASETS_DIR)}


def _copy_store(store: Path, target: Path) -> None:
    """Copy a store that is at work: what vanishes meanwhile is left out."""
    target.mkdir()
    for folder, inner, names in os.walk(store, onerror=_refuse_unless_gone):
        inner[:] = [name for name in inner if not _is_passing(name)]
        there = target / Path(folder).relative_to(store)
        there.mkdir(exist_ok=True)
        for name in names:
            if not _is_passing(name):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy2(Path(folder) / name, there / name)


def _refuse_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _is_passing(name: str) -> bool:
    return name.startswith(_PASSING) or name.endswith(_UNFINISHED)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _flush(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _migrations() -> list[str]:
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied)


def _dump(file: Path) -> None:
    if connection.vendor == "sqlite":
        with sqlite3.connect(settings.DATABASES["default"]["NAME"]) as source, sqlite3.connect(file) as target:
            source.backup(target)
        return
    _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")


def _load(file: Path) -> None:
    connections.close_all()
    if connection.vendor == "sqlite":
        place = Path(settings.DATABASES["default"]["NAME"])
        for leftover in ("-wal", "-shm"):
            place.with_name(place.name + leftover).unlink(missing_ok=True)
        shutil.copyfile(file, place)
        return
    name = quote(str(settings.DATABASES["default"]["NAME"]))
    _run(
        "pg_restore",
        "--no-owner",
        "--no-privileges",
        "--exit-on-error",
        "--single-transaction",
        f"--dbname={name}",
        str(file),
    )


def _run(*command: str) -> None:
    """Run one of PostgreSQL's programs against our database; its password is not on the command line."""
    database = settings.DATABASES["default"]
    told = {
        "PGHOST": database.get("HOST"), "PGPORT": database.get("PORT"), "PGUSER": database.get("USER"),
        "PGPASSWORD": database.get("PASSWORD"), "PGDATABASE": database.get("NAME"),
    }  # fmt: skip
    environment = {**os.environ, **{name: str(value) for name, value in told.items() if value}}
    program = shutil.which(command[0])
    if program is None:
        raise Unavailable(f"{command[0]} is not installed. It comes with PostgreSQL's client programs.")
    done = subprocess.run([program, *command[1:]], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
