"""Tenants, members and keys as the API shows them."""

from typing import Any

from rest_framework import serializers

from apps.core.api.serializers import KnownFieldsOnly, NameField
from apps.core.permissions import Role, Scope
from apps.workspaces.models import ApiKey, AuditEntry, Membership, Workspace

LONGEST_PASSWORD = 200


class TokenRequestSerializer(KnownFieldsOnly):
    """A user's name and password."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)


class NewPasswordSerializer(KnownFieldsOnly):
    """The password in use and the one to come: such that every door takes it."""

    old = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)
    new = serializers.CharField(max_length=LONGEST_PASSWORD, trim_whitespace=False)


class TokenSerializer(serializers.Serializer[Any]):
    """A key in clear text, shown once."""

    token = serializers.CharField()


class WorkspaceSerializer(KnownFieldsOnly, serializers.ModelSerializer[Workspace]):
    """A workspace."""

    name = NameField(max_length=120)

    class Meta:
        model = Workspace
        fields = ["id", "name", "slug", "created_at"]
        read_only_fields = ["id", "slug", "created_at"]


class MemberSerializer(KnownFieldsOnly, serializers.ModelSerializer[Membership]):
    """A member and their role."""

    username = serializers.CharField(source="user.username", max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)

    class Meta:
        model = Membership
        fields = ["id", "username", "role", "created_at"]
        read_only_fields = ["id", "created_at"]


class RoleSerializer(KnownFieldsOnly):
    """A member's new role."""

    role = serializers.ChoiceField(choices=Role.choices)


class KeySerializer(KnownFieldsOnly, serializers.ModelSerializer[ApiKey]):
    """An API key; the clear text is never shown again."""

    scope = serializers.ChoiceField(choices=Scope.choices, default=Scope.READ)
    name = NameField(max_length=80)
    workspace = serializers.UUIDField(
        source="workspace_id", read_only=True, allow_null=True, help_text="Null: all of its holder's."
    )

    class Meta:
        model = ApiKey
        fields = ["id", "name", "prefix", "workspace", "scope", "created_at", "expires_at", "revoked_at"]
        read_only_fields = ["id", "prefix", "created_at", "revoked_at"]


class IssuedKeySerializer(KeySerializer):
    """A fresh key with its clear text."""

    key = serializers.CharField()

    class Meta(KeySerializer.Meta):
        fields = [*KeySerializer.Meta.fields, "key"]


class AuditSerializer(serializers.ModelSerializer[AuditEntry]):
    """One line of the audit trail."""

    user = serializers.IntegerField(source="user_id", allow_null=True)
    hash = serializers.CharField(allow_null=True, help_text="Of its link in the chain; null until it is chained.")

    class Meta:
        model = AuditEntry
        fields = ["id", "at", "user", "api_key_prefix", "verb", "target_type", "target_id", "details", "hash"]
        read_only_fields = fields


class FaultSerializer(serializers.Serializer[Any]):
    """One thing in the trail that is not as it was written."""

    place = serializers.IntegerField(help_text="In the chain.")
    entry = serializers.IntegerField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class VerifiedSerializer(serializers.Serializer[Any]):
    """What came of looking at the chain of a workspace's trail."""

    intact = serializers.BooleanField(source="is_intact")
    looked_at = serializers.IntegerField(help_text="How many of the newest entries.")
    entries = serializers.IntegerField(help_text="How many are chained.")
    waiting = serializers.IntegerField(help_text="Written a moment ago, and not chained yet.")
    hash = serializers.CharField(
        help_text="Of the head: note it down elsewhere, to show later that nothing was written anew."
    )
    at = serializers.DateTimeField(allow_null=True)
    faults = FaultSerializer(many=True)
