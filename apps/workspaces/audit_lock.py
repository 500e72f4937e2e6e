"""Triggers that keep the audit trail append-only, whoever holds the database connection."""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "workspaces_auditentry"
_WORDS = "the audit trail is append-only"
_ACTS = ("UPDATE", "DELETE")


def install(connection: BaseDatabaseWrapper) -> None:
    """Refuse updates and deletes of audit entries from now on."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for act in _ACTS:
                cursor.execute(
                    f"CREATE TRIGGER audit_no_{act.lower()} BEFORE {act} ON {TABLE} BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
                )
        elif connection.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{_WORDS}'; END $$"
            )
            for act in _ACTS:
                cursor.execute(
                    f"CREATE TRIGGER audit_no_{act.lower()} BEFORE {act} ON {TABLE} FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
                )


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away (to go back a migration, and where tests empty their tables)."""
    with connection.cursor() as cursor:
        for act in _ACTS:
            where = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS audit_no_{act.lower()}{where}")
