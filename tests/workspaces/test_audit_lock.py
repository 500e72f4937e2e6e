"""Nobody changes the audit trail, by the ORM, by SQL or in the admin."""

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from apps.workspaces import audit_lock
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import record_audit
from apps.workspaces.models import AuditEntry
from tests.factories import make_user, make_workspace

ATTACKS = {
    "update by the ORM": lambda: AuditEntry.objects.update(verb="nothing"),
    "save of a row": lambda: AuditEntry.objects.get().save(),
    "delete by the ORM": lambda: AuditEntry.objects.all().delete(),
    "raw update": lambda: connection.cursor().execute("UPDATE workspaces_auditentry SET verb = 'nothing'"),
    "raw delete": lambda: connection.cursor().execute("DELETE FROM workspaces_auditentry"),
}
_ROW = "(id, at, api_key_prefix, verb, target_type, target_id, details)"
_FORGED = "SELECT id, at, '', 'nothing', '', '', '{}' FROM workspaces_auditentry"
ATTACKS_OF = {
    "sqlite": {
        "replace": lambda: connection.cursor().execute(f"REPLACE INTO workspaces_auditentry {_ROW} {_FORGED}"),
    },
    "postgresql": {
        "truncate": lambda: connection.cursor().execute("TRUNCATE workspaces_auditentry"),
        "playing the replica": lambda: connection.cursor().execute(
            "SET LOCAL session_replication_role = replica; DELETE FROM workspaces_auditentry"
        ),
    },
}
ATTACKS |= ATTACKS_OF[connection.vendor]


@pytest.fixture
def locked(db: None) -> Iterator[None]:
    """Bring the triggers back, which the suite takes away to empty its tables."""
    audit_lock.remove(connection)
    audit_lock.install(connection)
    workspace = make_workspace()
    record_audit(actor=SYSTEM, workspace_id=workspace.pk, verb="test", target=workspace)
    yield
    audit_lock.remove(connection)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_trail_cannot_be_changed(attack, locked):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        ATTACKS[attack]()

    assert AuditEntry.objects.get().verb == "test"


def test_a_lock_of_an_earlier_release_is_brought_up_to_date(locked):
    audit_lock.install_anew(connection)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.all().delete()


def test_the_trail_still_grows(locked):
    record_audit(actor=SYSTEM, workspace_id=None, verb="second", target=AuditEntry.objects.get())

    assert AuditEntry.objects.count() == 2


def test_the_admin_offers_no_change(locked, client):
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    entry = AuditEntry.objects.get()

    assert client.post(reverse("admin:workspaces_auditentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
    assert client.post(reverse("admin:workspaces_auditentry_change", args=[entry.pk]), {"verb": "x"}).status_code == 403
