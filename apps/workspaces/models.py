"""Tenants, their members, API keys, the audit trail, and the one manager through which tenant data is read."""

import uuid
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.permissions import Role, Scope


class ScopedQuerySet(models.QuerySet[Any]):
    """A query set that knows how its rows belong to a workspace (`workspace_path` on the model)."""

    def in_workspaces(self, workspace_ids: Any) -> Self:
        """Keep the rows of these workspaces (ids, or a query set of ids)."""
        path: str = getattr(self.model, "workspace_path", "workspace")
        return self.filter(**{f"{path}__in": workspace_ids})


class Workspace(models.Model):
    """A tenant: the "société" or team that owns every other object."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    workspace_path: ClassVar[str] = "id"
    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name = _("workspace")
        verbose_name_plural = _("workspaces")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's role in one workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["workspace_id", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "user"],
                name="one_membership_a_user",
                violation_error_message="This user is a member already; change the role instead.",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.workspace} · {self.role}"


class ApiKey(models.Model):
    """A bearer key: only its SHA-256 is kept. Without a workspace it reaches all of its holder's memberships.

    A key made with another key reaches no wider and lives no longer than that one. Revoking the first does not revoke
    those made with it: the audit trail names the key that each was made with, and its holder lists and revokes them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, db_index=True)
    key_sha256 = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=8, choices=Scope.choices, default=Scope.READ)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        verbose_name = _("API key")
        constraints = [models.CheckConstraint(condition=Q(scope__in=Scope.values), name="api_key_scope_known")]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"


class AuditEntry(models.Model):
    """One write, by whom, on what. Append-only: a database trigger refuses updates and deletes."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    api_key_prefix = models.CharField(max_length=12, blank=True)
    verb = models.CharField(max_length=60)
    target_type = models.CharField(max_length=40)
    target_id = models.CharField(max_length=64)
    details = models.JSONField(default=dict)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [models.Index(fields=["workspace", "-id"], name="audit_by_workspace")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.verb} {self.target_type} {self.target_id}"


class AuditLink(models.Model):
    """One link of a chain of audit entries (`audit_chain`): the hash of the link before, and of the entry. Append-only too."""

    id = models.BigAutoField(primary_key=True)
    chain = models.CharField(max_length=36, blank=True, help_text="The workspace's id, empty for the entries of none.")
    place = models.PositiveBigIntegerField(help_text="In the chain, from 1.")
    entry_id = models.BigIntegerField(unique=True)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["chain", "place"]
        constraints = [models.UniqueConstraint(fields=["chain", "place"], name="one_link_a_place")]

    def __str__(self) -> str:
        return f"{self.chain or 'none'} {self.place} {self.hash[:12]}"


class AuditHead(models.Model):
    """The end of a chain; its row is held while links are added."""

    chain = models.CharField(max_length=36, primary_key=True)
    entries = models.PositiveBigIntegerField(default=0)
    last_entry = models.BigIntegerField(default=0, help_text="The largest id of an entry that is chained.")
    hash = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering = ["chain"]

    def __str__(self) -> str:
        return f"{self.chain or 'none'} {self.entries} {self.hash[:12]}"


class FailedSignIn(models.Model):
    """A try to sign in that did not succeed (or not yet); name and address are kept as keyed digests."""

    name_digest = models.CharField(max_length=64)
    address_digest = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["name_digest", "at"], name="failed_sign_ins_of_name"),
            models.Index(fields=["address_digest", "at"], name="failed_sign_ins_of_address"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.name_digest[:8]}…"


class KnownAddress(models.Model):
    """An address from which a user has signed in, as a keyed digest: others' guesses do not lock the user out there."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    address_digest = models.CharField(max_length=64)
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "address_digest"], name="one_row_a_known_address")]

    def __str__(self) -> str:
        return f"{self.user} {self.address_digest[:8]}…"


class IdempotencyRecord(models.Model):
    """Work done for a POST that carried an `Idempotency-Key`, and its first answer.

    `status` is empty while the work is committed and its answer not yet known, or taken away with an erasure; `answer` is the
    body's JSON text, empty for no body and null where it is not kept because it holds a secret.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, null=True, related_name="+")
    key = models.CharField(max_length=200)
    route = models.CharField(max_length=300)
    request_sha256 = models.CharField(max_length=64)
    target_id = models.CharField(max_length=64, blank=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(null=True)  # noqa: DJ001  (null is "not kept", which no text says)
    location = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "route", "key"], name="one_answer_a_key")]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
