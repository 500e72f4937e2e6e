"""The admin, for those who have every right in it: what only verbs write is not written there."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from apps.core.admin import ReadOnlyAdmin
from apps.workspaces.models import AuditEntry, IdempotencyRecord
from tests.access.asking import noted_writes
from tests.factories import make_user

READ_ONLY = sorted((model for model, page in admin.site._registry.items() if isinstance(page, ReadOnlyAdmin)), key=str)


def test_the_audit_trail_is_among_what_can_only_be_read():
    assert AuditEntry in READ_ONLY
    assert len(READ_ONLY) >= 12


@pytest.fixture
def boss(world) -> Client:
    IdempotencyRecord.objects.create(user=world.cast.owner, key="k", route="/", request_sha256="0" * 64)
    browser = Client()
    browser.force_login(make_user("boss", is_staff=True, is_superuser=True))
    return browser


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_a_superuser_reads_and_does_not_write(model, boss):
    row, pages = model._default_manager.first(), f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert row is not None, "the world has none"
    change, listed = reverse(f"{pages}_change", args=[row.pk]), reverse(f"{pages}_changelist")
    fields = {field.name: "zq-forged" for field in model._meta.concrete_fields}

    assert boss.get(listed).status_code == 200
    assert boss.get(change).status_code == 200
    with noted_writes() as writes:
        refused = [
            boss.get(reverse(f"{pages}_add")).status_code,
            boss.post(reverse(f"{pages}_add"), fields).status_code,
            boss.post(change, fields).status_code,
            boss.post(reverse(f"{pages}_delete", args=[row.pk]), {"post": "yes"}).status_code,
        ]
        bulk = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
        boss.post(listed, bulk)
        boss.post(listed, {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": row.pk, "_save": "Save", **fields})

    assert refused == [403] * 4
    assert writes == []
