"""Models and versions as the API shows them."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.core.api.serializers import KnownFieldsOnly, NameField
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import champion_of, learned_and_erased, version_now

_ASKED = {"workspace": "5d3f5f0a-9f5e-4a55-8f43-1f1f6f1f2c33", "name": "Late payers"}
_CLASSES = {**_ASKED, "algorithm": "xgboost", "task": "classification", "target": "late"}
_NUMBER = {**_ASKED, "name": "Payment delay", "algorithm": "random_forest", "task": "regression", "target": "days"}
_UNUSUAL = {**_ASKED, "name": "Odd invoices", "algorithm": "isolation_forest", "task": "anomaly"}


@extend_schema_serializer(
    examples=[
        OpenApiExample("Classification", _CLASSES, request_only=True),
        OpenApiExample("Regression with parameters", {**_NUMBER, "parameters": {"n_estimators": 300}}, request_only=True),
        OpenApiExample("Anomalies", _UNUSUAL, request_only=True),
    ]
)
class ModelSerializer(KnownFieldsOnly, serializers.ModelSerializer[RegisteredModel]):
    """A registered model."""

    workspace = serializers.UUIDField(source="workspace_id")
    name = NameField(max_length=200)
    features = serializers.ListField(child=serializers.CharField(max_length=300), max_length=2_000, required=False)
    parameters = serializers.DictField(required=False)
    description = serializers.CharField(max_length=4_000, required=False, allow_blank=True)
    champion = serializers.SerializerMethodField()
    challenger = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()

    class Meta:
        model = RegisteredModel
        fields = [
            "id", "workspace", "name", "description", "algorithm", "task", "domain", "target", "features", "group_column",
            "time_column", "parameters", "frozen_share", "auto_retrain", "retrain_every_days", "created_at", "champion", "challenger", "status",
        ]  # fmt: skip
        read_only_fields = ["id", "created_at"]
        extra_kwargs: ClassVar[dict[str, Any]] = {
            "frozen_share": {
                "min_value": 0,
                "max_value": 0.5,
                "help_text": "Share of the rows with a target that no version learns from, so that the promotion gate compares versions "
                "on them. Kept where that makes 100 rows; 0 for none.",
            },
            "group_column": {
                "help_text": "All rows with one of its values are learned from, or all are kept apart. Of a forecast: what tells series apart."
            },
            "time_column": {
                "help_text": "The latest fifth of the rows is kept apart, not a fifth by chance. Of a forecast: the column of its times."
            },
            "auto_retrain": {
                "help_text": "Retrain by itself: by its retraining policy, and by the default one where it has none. Setting a policy "
                "switches it on, or off as that policy says."
            },
            "retrain_every_days": {
                "min_value": 1,
                "max_value": 3_650,
                "help_text": "An older champion makes `needs_retraining` true. "
                "With `auto_retrain` and no policy of its own it is retrained then.",
            },
        }

    def get_champion(self, model: RegisteredModel) -> int | None:
        """Return the number of the live version."""
        version = champion_of(model)
        return version.number if version else None

    def get_challenger(self, model: RegisteredModel) -> int | None:
        """Return the number of the newest version that is not live."""
        version = version_now(model, Alias.Name.CHALLENGER)
        return version.number if version else None

    def get_status(self, model: RegisteredModel) -> str:
        """Return "ready" when there is a live version, else "untrained"."""
        return "ready" if champion_of(model) else "untrained"


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Change the words", {"description": "For the credit department.", "retrain_every_days": 30}, request_only=True
        )
    ]
)
class ModelUpdateSerializer(ModelSerializer):
    """What may be changed of a model."""

    class Meta(ModelSerializer.Meta):
        read_only_fields = ["id", "created_at", "workspace"]

    workspace = serializers.UUIDField(source="workspace_id", read_only=True)


class TrainedWithErasedSerializer(serializers.Serializer[Any]):
    """Rows that a version learned from and that were erased since."""

    rows = serializers.IntegerField()
    at = serializers.DateTimeField(help_text="Of the last erasure.")
    advice = serializers.CharField()


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """One immutable version."""

    version = serializers.IntegerField(source="number")
    dataset = serializers.UUIDField(source="dataset_version.dataset_id")
    dataset_version = serializers.UUIDField(source="dataset_version_id")
    campaign = serializers.UUIDField(source="campaign_id")
    evaluation = serializers.JSONField(
        help_text="On the rows kept apart: `split`, `curves`, `warnings`, `main`, `beats_baseline`; `intervals` (95 %, by bootstrap, "
        "a pair a metric), `baselines` (`trivial`, `linear`, and how far the version is ahead of each) and `slices` "
        "(`worse`, and by value for the `columns` that matter most). Versions of before have no such three."
    )
    aliases = serializers.SerializerMethodField()
    trained_with_erased = serializers.SerializerMethodField()

    class Meta:
        model = ModelVersion
        fields = [
            "id", "version", "aliases", "algorithm", "parameters", "seed", "metrics", "baseline", "importance", "evaluation",
            "schema", "dataset", "dataset_version", "campaign", "manifest_sha256", "signature", "size_bytes", "created_at",
            "files_removed_at",
            "trained_with_erased",
        ]  # fmt: skip
        read_only_fields = fields

    def get_aliases(self, version: ModelVersion) -> list[str]:
        """Return the aliases that point here now."""
        return [alias.name for alias in version.aliases.all() if alias.until is None]

    @extend_schema_field(TrainedWithErasedSerializer(allow_null=True))
    def get_trained_with_erased(self, version: ModelVersion) -> dict[str, Any] | None:
        """Return what it learned from and that was erased since."""
        found = learned_and_erased(version)
        return found.as_json() if found else None


class ReasonSerializer(KnownFieldsOnly):
    """Why a version goes live."""

    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class AliasSerializer(serializers.ModelSerializer[Alias]):
    """A span during which an alias pointed at a version."""

    version = serializers.IntegerField(source="version.number")
    version_id = serializers.UUIDField()

    class Meta:
        model = Alias
        fields = ["name", "version", "version_id", "since", "until", "reason"]
        read_only_fields = fields


class FileSerializer(serializers.Serializer[Any]):
    """One stored file."""

    path = serializers.CharField()
    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField(allow_null=True)


class PerformanceSerializer(serializers.Serializer[Any]):
    """How the live version does."""

    model = serializers.DictField()
    version = serializers.IntegerField(allow_null=True, help_text="Null: none is live.")
    metrics = serializers.DictField()
    baseline = serializers.DictField()
    main_metric = serializers.CharField(allow_null=True, help_text="The one that versions are compared by.")
    history = serializers.ListField(child=serializers.DictField())
    needs_retraining = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())


class ImportanceSerializer(serializers.Serializer[Any]):
    """Which columns matter, most important first."""

    method = serializers.CharField()
    features = serializers.ListField(child=serializers.DictField())
    rows = serializers.IntegerField(help_text="How many rows it was measured on.")
    version = serializers.IntegerField()
