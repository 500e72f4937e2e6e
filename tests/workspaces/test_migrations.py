"""Rows of an earlier release after the migrations."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.workspaces import audit_lock
from apps.workspaces.models import IdempotencyRecord

BEFORE = [("workspaces", "0002_audit_is_append_only")]


@pytest.fixture
def earlier(transactional_db: None) -> Iterator[object]:
    """Go back to the earlier release's tables, and forward at the end whatever happened."""
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()  # of every app: tables of others rest on these
    executor.migrate(BEFORE)
    yield executor.loader.project_state(BEFORE).apps
    MigrationExecutor(connection).migrate(newest)
    audit_lock.remove(connection)


def test_kept_answers_stay_but_for_those_that_may_hold_a_key_or_tell_of_no_work(earlier):
    user = earlier.get_model("auth", "User").objects.create(username="u")
    records = earlier.get_model("workspaces", "IdempotencyRecord").objects
    for key, route, status in [
        ("kept", "/api/v1/models/", 201),
        ("refused", "/api/v1/models/", 422),
        ("secret", "/api/v1/workspaces/1/keys/", 201),
        ("conflict", "/api/v1/models/", 409),
        ("abandoned", "/api/v1/models/", None),
    ]:
        records.create(user=user, key=key, route=route, status=status, request_sha256="", body={"name": "é"})

    executor = MigrationExecutor(connection)
    executor.migrate([node for node in executor.loader.graph.leaf_nodes() if node[0] == "workspaces"])

    kept = dict(IdempotencyRecord.objects.values_list("key", "answer"))
    assert kept == {"kept": '{"name":"é"}', "refused": '{"name":"é"}'}
