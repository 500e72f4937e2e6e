"""Triggers that keep the audit trail and its chain append-only, whoever holds the database connection."""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = {"workspaces_auditentry": "audit", "workspaces_auditlink": "audit_link"}  # and how their triggers' names begin
_WORDS = "the audit trail is append-only"
_SQLITE = {
    "no_update": "BEFORE UPDATE ON {table}",
    "no_delete": "BEFORE DELETE ON {table}",
    # INSERT OR REPLACE takes the old row away without a word to the trigger on DELETE.
    "no_replace": "BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)",
}
_POSTGRESQL = {
    "no_update": "BEFORE UPDATE ON {table} FOR EACH ROW",
    "no_delete": "BEFORE DELETE ON {table} FOR EACH ROW",
    "no_truncate": "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Refuse from now on whatever changes or removes audit entries, or the links between them."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for table, begins in _present(connection).items():
                for name, when in _SQLITE.items():
                    asked = f"CREATE TRIGGER {begins}_{name} {when.format(table=table)}"
                    cursor.execute(f"{asked} BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END")
        elif connection.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{_WORDS}'; END $$"
            )
            for table, begins in _present(connection).items():
                for name, when in _POSTGRESQL.items():
                    asked = f"CREATE TRIGGER {begins}_{name} {when.format(table=table)}"
                    cursor.execute(f"{asked} EXECUTE FUNCTION audit_refuse()")
                    # Always: a session that plays the replica would skip the others.
                    cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {begins}_{name}")


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away (to go back a migration, and where tests empty their tables)."""
    with connection.cursor() as cursor:
        for table, begins in _present(connection).items():
            where = f" ON {table}" if connection.vendor == "postgresql" else ""
            for name in {**_SQLITE, **_POSTGRESQL}:
                cursor.execute(f"DROP TRIGGER IF EXISTS {begins}_{name}{where}")


def install_anew(connection: BaseDatabaseWrapper) -> None:
    """Bring a lock of an earlier release up to date."""
    remove(connection)
    install(connection)


def _present(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Return the tables that are there: an earlier migration locks the trail before the chain exists."""
    there = set(connection.introspection.table_names())
    return {table: begins for table, begins in TABLES.items() if table in there}
