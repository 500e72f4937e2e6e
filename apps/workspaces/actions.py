"""Verbs on tenants, members and keys, and the audit entry that every verb of every app writes."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.text import slugify

from apps.core import clock
from apps.core.constraints import words_of_unique_violation
from apps.core.errors import Conflict, InvalidInput, NotFound, Problem
from apps.core.permissions import Role, Scope
from apps.workspaces.access import Access, Actor
from apps.workspaces.attempts import KEPT_FOR as ANSWERS_KEPT_FOR
from apps.workspaces.attempts import note_work
from apps.workspaces.audit_chain import chain_with_commit
from apps.workspaces.models import (
    ApiKey,
    AuditEntry,
    FailedSignIn,
    IdempotencyRecord,
    KnownAddress,
    Membership,
    Workspace,
)
from apps.workspaces.recent_keys import recent_keys
from apps.workspaces.selectors import key_digest
from apps.workspaces.throttling import KEPT_FOR as FAILURES_KEPT_FOR
from apps.workspaces.throttling import KNOWN_FOR as ADDRESSES_KEPT_FOR

KEY_PREFIX_LENGTH = 8
_SWEPT_AT_ONCE = 1_000
_REPEATABLE = ("/predict/", "/explain/", "/invocations/", "/infer")  # routes whose work is only their answer


def record_audit(
    *, actor: Actor, workspace_id: UUID | None, verb: str, target: object, details: dict[str, Any] | None = None
) -> AuditEntry:
    """Write one audit entry for `target` (a model instance), in the caller's transaction."""
    note_work(target, workspace_id)
    entry: AuditEntry = AuditEntry.objects.create(
        workspace_id=workspace_id,
        user_id=actor.user_id,
        api_key_prefix=actor.api_key_prefix,
        verb=verb,
        target_type=type(target).__name__,
        target_id=str(getattr(target, "pk", "")),
        details=details or {},
    )
    chain_with_commit(entry)
    return entry


@transaction.atomic
def create_workspace(*, name: str, owner: User, actor: Actor) -> Workspace:
    """Make a workspace with its first owner."""
    slug = f"{slugify(name)[:40] or 'workspace'}-{secrets.token_hex(3)}"
    workspace: Workspace = Workspace.objects.create(name=name, slug=slug)
    Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    recent_keys.forget_with_commit()
    record_audit(actor=actor, workspace_id=workspace.pk, verb="workspace.create", target=workspace, details={"name": name})
    return workspace


@transaction.atomic
def rename_workspace(*, workspace: Workspace, name: str, actor: Actor) -> Workspace:
    """Give a workspace another name."""
    workspace.name = name
    workspace.save(update_fields=["name"])
    record_audit(actor=actor, workspace_id=workspace.pk, verb="workspace.rename", target=workspace, details={"name": name})
    return workspace


@transaction.atomic
def add_member(*, workspace: Workspace, username: str, role: str, actor: Actor) -> Membership:
    """Give an existing user a role in a workspace."""
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise InvalidInput(
            "No such user.", [Problem("/username", "unknown_user", f"There is no active user named {username!r}.")]
        )
    try:
        with transaction.atomic():
            member: Membership = Membership.objects.create(workspace=workspace, user=user, role=role)
    except IntegrityError as error:
        if words_of_unique_violation(error) is None:
            raise
        raise Conflict(f"{username} is a member already; change the role instead.") from error
    recent_keys.forget_with_commit()
    details = {"username": username, "role": role}
    record_audit(actor=actor, workspace_id=workspace.pk, verb="member.add", target=member, details=details)
    return member


@transaction.atomic
def change_role(*, member: Membership, role: str, actor: Actor) -> Membership:
    """Give a member another role; the last owner keeps theirs."""
    member = _locked(member)
    if role != Role.OWNER:
        _keep_an_owner(member)
    details = {"username": member.user.get_username(), "from": member.role, "to": role}
    member.role = role
    member.save(update_fields=["role"])
    recent_keys.forget_with_commit()
    record_audit(actor=actor, workspace_id=member.workspace_id, verb="member.role", target=member, details=details)
    return member


@transaction.atomic
def remove_member(*, member: Membership, actor: Actor) -> None:
    """Take a member out of a workspace; the keys they hold for it are revoked, each with its audit entry."""
    member = _locked(member)
    _keep_an_owner(member)
    for key in ApiKey.objects.filter(user=member.user, workspace=member.workspace, revoked_at=None):
        revoke_key(key=key, actor=actor)
    details = {"username": member.user.get_username(), "role": member.role}
    record_audit(actor=actor, workspace_id=member.workspace_id, verb="member.remove", target=member, details=details)
    member.delete()
    recent_keys.forget_with_commit()


def _locked(member: Membership) -> Membership:
    """Return the member as it stands now, held for this transaction; 404 for one who has just left."""
    found: Membership | None = Membership.objects.select_for_update().filter(pk=member.pk).first()
    if found is None:
        raise NotFound
    return found


def _keep_an_owner(member: Membership) -> None:
    owners = Membership.objects.select_for_update().filter(workspace_id=member.workspace_id, role=Role.OWNER)
    if {owner.pk for owner in owners} == {member.pk}:
        raise Conflict("A workspace needs an owner: make another member owner first.")


@transaction.atomic
def issue_key(
    *,
    user: User,
    workspace: Workspace | None,
    name: str,
    scope: str = Scope.READ,
    expires_at: datetime | None = None,
    actor: Actor,
    maker: Access | None = None,
) -> tuple[ApiKey, str]:
    """Make an API key, no wider and no longer than the `maker`'s; the clear text is returned here once, stored nowhere."""
    if maker is not None:
        refuse_wider(scope, maker, "make")
        expires_at = _within(expires_at, maker)
    prefix = secrets.token_hex(KEY_PREFIX_LENGTH // 2)
    clear = f"mlp_{prefix}_{secrets.token_urlsafe(32)}"
    key: ApiKey = ApiKey.objects.create(
        user=user,
        workspace=workspace,
        name=name,
        prefix=prefix,
        key_sha256=key_digest(clear),
        scope=scope,
        expires_at=expires_at,
    )
    details = {"name": name, "scope": scope, "holder": user.get_username()}
    record_audit(
        actor=actor, workspace_id=workspace.pk if workspace else None, verb="key.issue", target=key, details=details
    )
    return key, clear


def refuse_wider(scope: str, access: Access, deed: str) -> None:
    """Raise when a key of `scope` reaches further than the caller's own."""
    if list(Scope).index(Scope(scope)) > list(Scope).index(Scope(access.scope)):
        text = f"A key of scope {access.scope} cannot {deed} one of scope {scope}."
        raise InvalidInput(text, [Problem("/scope", "too_wide", text)])


def _within(expires_at: datetime | None, maker: Access) -> datetime | None:
    if expires_at is not None and expires_at <= clock.now():
        text = "The key would have expired already. Give a time to come, or none."
        raise InvalidInput(text, [Problem("/expires_at", "past", text)])
    end = maker.key_expires_at
    if end is not None and expires_at is not None and expires_at > end:
        text = f"The key in use expires at {end:%Y-%m-%dT%H:%M:%SZ}; a key made with it cannot live longer."
        raise InvalidInput(text, [Problem("/expires_at", "too_long", text)])
    return expires_at or end


@transaction.atomic
def revoke_key(*, key: ApiKey, actor: Actor) -> ApiKey:
    """Close a key for good; keys that were made with it stay, under their own names."""
    now = clock.now()
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        key.revoked_at = now
        details = {"name": key.name, "scope": key.scope, "holder": key.user.get_username()}
        record_audit(actor=actor, workspace_id=key.workspace_id, verb="key.revoke", target=key, details=details)
        recent_keys.forget_with_commit()
    return key


@transaction.atomic
def change_password(*, user_id: int, old: str, new: str, actor: Actor) -> User:
    """Give a user who knows the `old` password a `new` one, which Django's validators take."""
    user: User = User.objects.select_for_update().get(pk=user_id)
    if not user.check_password(old):
        raise InvalidInput(
            "That is not the password in use.", [Problem("/old", "wrong", "That is not the password in use.")]
        )
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise InvalidInput(error.messages[0], [Problem("/new", "weak", text) for text in error.messages]) from error
    user.set_password(new)
    user.save(update_fields=["password"])
    record_audit(actor=actor, workspace_id=None, verb="password.change", target=user)
    return user


def forget_answers(workspace_id: UUID) -> int:
    """Take away every kept answer of a workspace, for they may show what was just erased; return how many there were.

    A retry of what makes nothing is computed anew; of an upload, it reads what was made as it stands; of anything else it is
    told that the work was done. None does its work twice.
    """
    kept = IdempotencyRecord.objects.filter(workspace_id=workspace_id, status__isnull=False, answer__isnull=False)
    repeatable = Q()
    for end in _REPEATABLE:
        repeatable |= Q(route__endswith=end)
    with transaction.atomic():
        return int(kept.filter(repeatable).delete()[0] + kept.update(status=None, answer=None))


def sweep() -> int:
    """Remove answers kept for retries, failed sign-ins and known addresses that are past their time; return how many."""
    now = clock.now()
    return (
        _removed(IdempotencyRecord.objects.filter(created_at__lt=now - ANSWERS_KEPT_FOR))
        + _removed(FailedSignIn.objects.filter(at__lt=now - FAILURES_KEPT_FOR))
        + _removed(KnownAddress.objects.filter(seen_at__lt=now - ADDRESSES_KEPT_FOR))
    )


def _removed(rows: QuerySet[Any]) -> int:
    """Delete rows in portions, so that no transaction is long."""
    total = 0
    while chosen := list(rows.values_list("pk", flat=True)[:_SWEPT_AT_ONCE]):
        total += rows.filter(pk__in=chosen).delete()[0]
    return total
