"""Triggers that keep the audit trail append-only, whoever holds the database connection."""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "workspaces_auditentry"
_WORDS = "the audit trail is append-only"
_SQLITE = {
    "audit_no_update": f"BEFORE UPDATE ON {TABLE}",
    "audit_no_delete": f"BEFORE DELETE ON {TABLE}",
    # INSERT OR REPLACE takes the old row away without a word to the trigger on DELETE.
    "audit_no_replace": f"BEFORE INSERT ON {TABLE} WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id)",  # noqa: S608  (our own name)
}
_POSTGRESQL = {
    "audit_no_update": f"BEFORE UPDATE ON {TABLE} FOR EACH ROW",
    "audit_no_delete": f"BEFORE DELETE ON {TABLE} FOR EACH ROW",
    "audit_no_truncate": f"BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT",
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Refuse from now on whatever changes or removes audit entries."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name, when in _SQLITE.items():
                cursor.execute(f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END")
        elif connection.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{_WORDS}'; END $$"
            )
            for name, when in _POSTGRESQL.items():
                cursor.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION audit_refuse()")
                # Always: a session that plays the replica would skip the others.
                cursor.execute(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name}")


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away (to go back a migration, and where tests empty their tables)."""
    where = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in {**_SQLITE, **_POSTGRESQL}:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{where}")


def install_anew(connection: BaseDatabaseWrapper) -> None:
    """Bring a lock of an earlier release up to date."""
    remove(connection)
    install(connection)
