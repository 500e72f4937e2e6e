"""Privacy as the API takes and shows it."""

import json
from typing import Any

from rest_framework import serializers

from apps.core.api.serializers import KnownFieldsOnly
from apps.privacy.models import SubjectRequest
from apps.workspaces.subjects import LONGEST

_ID = "Their id, written as in the data; it is kept nowhere, only its keyed pseudonym is."


class NamedSubjectSerializer(KnownFieldsOnly):
    """Whom it is about."""

    subject = serializers.CharField(max_length=LONGEST, help_text=_ID)


class ErasureSerializer(NamedSubjectSerializer):
    """Whom to erase: first with `dry_run`, which counts, then with the id of that request as `counted`."""

    dry_run = serializers.BooleanField(required=False, default=False)
    counted = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="A completed dry run of this subject, not older than a day."
    )


class PseudonymSerializer(serializers.Serializer[Any]):
    """What stands for a subject in this workspace."""

    subject = serializers.CharField()


class SubjectRequestSerializer(serializers.ModelSerializer[SubjectRequest]):
    """A count, an export or an erasure."""

    subject = serializers.CharField(help_text="The subject's pseudonym.")
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="What was found, handed out or erased, by place."
    )
    has_file = serializers.SerializerMethodField(help_text="Whether the archive of an export can be downloaded.")
    has_certificate = serializers.SerializerMethodField()
    waits_for = serializers.CharField(help_text="What must end first, if it waits.")

    class Meta:
        model = SubjectRequest
        fields = [
            "id", "workspace", "kind", "subject", "status", "counts", "waits_for", "error", "has_file", "has_certificate",
            "expires_at", "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_has_file(self, request: SubjectRequest) -> bool:
        """Say whether there is an archive."""
        return bool(request.file_path)

    def get_has_certificate(self, request: SubjectRequest) -> bool:
        """Say whether there is a certificate."""
        return bool(request.certificate)


class CertificateSerializer(serializers.Serializer[Any]):
    """What was erased where, and this instance's HMAC-SHA256 of it (keys sorted, no spaces)."""

    certificate = serializers.DictField()
    signature = serializers.CharField()

    @staticmethod
    def of(request: SubjectRequest) -> dict[str, Any]:
        """Return the certificate of an erasure."""
        return {"certificate": json.loads(request.certificate), "signature": request.signature}


class RetentionSerializer(KnownFieldsOnly):
    """For how many days a workspace keeps things; null: as long as the installation allows."""

    prediction_days = serializers.IntegerField(min_value=1, max_value=100_000, allow_null=True, required=False)
    feedback_days = serializers.IntegerField(min_value=1, max_value=100_000, allow_null=True, required=False)
    sample_days = serializers.IntegerField(min_value=1, max_value=100_000, allow_null=True, required=False)


class RetentionShownSerializer(serializers.Serializer[Any]):
    """How long a workspace keeps things, and how long it may at most."""

    prediction_days = serializers.IntegerField(allow_null=True)
    feedback_days = serializers.IntegerField(allow_null=True)
    sample_days = serializers.IntegerField(allow_null=True)
    at_most = serializers.DictField(child=serializers.IntegerField())
    in_force = serializers.DictField(child=serializers.IntegerField())
