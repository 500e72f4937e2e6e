"""Feedback as the API takes and shows it."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from apps.core.api.serializers import KnownFieldsOnly
from apps.feedback.actions import MOST_AT_ONCE
from apps.feedback.models import Feedback, FeedbackSample, LabelFile
from apps.feedback.selectors import MOST_OF_A_GIVER

_FEW = 10  # of one giver; policies count so many unless they say otherwise
_PREDICTION = "4f1b8f6c2c0e4b57a3f0d0b7f2f4d6a1-0"


@extend_schema_serializer(
    examples=[
        OpenApiExample("Right", {"prediction": _PREDICTION, "correct": True}, request_only=True),
        OpenApiExample(
            "What was true", {"prediction": _PREDICTION, "label": "late", "subject": "clerk-17"}, request_only=True
        ),
    ]
)
class VerdictSerializer(KnownFieldsOnly):
    """What is said of one prediction: `correct`, `label`, or both."""

    prediction = serializers.CharField(max_length=60, help_text="An id that predict/ answered.")
    correct = serializers.BooleanField(required=False, allow_null=True, default=None)
    label = serializers.JSONField(  # type: ignore[assignment]
        required=False, allow_null=True, default=None, help_text="What was true, written as in the data set."
    )
    subject = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text="Id of whoever says it; kept as a keyed pseudonym. Empty for the caller.",
    )
    known_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="When the label became known; empty for now."
    )


class VerdictsSerializer(KnownFieldsOnly):
    """Many verdicts, which are taken all or none."""

    verdicts = serializers.ListField(child=VerdictSerializer(), min_length=1, max_length=MOST_AT_ONCE)


class TakenSerializer(serializers.Serializer[Any]):
    """What became of many verdicts."""

    created = serializers.IntegerField()
    replaced = serializers.IntegerField(help_text="Said before by the same giver, of the same prediction.")


class FeedbackSerializer(serializers.ModelSerializer[Feedback]):
    """One verdict."""

    version = serializers.IntegerField(source="version.number")
    prediction = serializers.CharField(source="prediction_id")
    subject = serializers.CharField(help_text="The pseudonym of whoever said it; empty for a member.")

    class Meta:
        model = Feedback
        fields = [
            "id",
            "model",
            "version",
            "prediction",
            "predicted",
            "predicted_at",
            "correct",
            "label",
            "subject",
            "source",
            "given_at",
            "known_at",
        ]
        read_only_fields = fields


class NewSampleSerializer(KnownFieldsOnly):
    """A file to keep of one prediction; without a file, its row is kept."""

    prediction = serializers.CharField(max_length=60, help_text="An id that predict/ answered.")
    consent = serializers.BooleanField(help_text="True: whoever it is of has agreed. Anything else is refused.")
    subject = serializers.CharField(
        max_length=300,
        required=False,
        allow_blank=True,
        default="",
        help_text="Id of who agreed; kept as a keyed pseudonym.",
    )
    file = serializers.FileField(required=False, allow_null=True, default=None, allow_empty_file=True, max_length=None)


class SampleSerializer(serializers.ModelSerializer[FeedbackSample]):
    """A kept sample; the file itself is downloaded."""

    version = serializers.IntegerField(source="version.number")
    prediction = serializers.CharField(source="prediction_id")
    expires_at = serializers.DateTimeField(help_text="At the latest; sooner where the workspace keeps samples shorter.")

    class Meta:
        model = FeedbackSample
        fields = [
            "id", "model", "version", "prediction", "subject", "media_type", "size_bytes", "sha256", "consented_at", "expires_at",
        ]  # fmt: skip
        read_only_fields = fields


class SuggestionSerializer(serializers.Serializer[Any]):
    """One prediction worth a verdict."""

    prediction = serializers.CharField()
    row = serializers.DictField()
    predicted = serializers.JSONField()
    details = serializers.DictField()
    uncertainty = serializers.FloatField(help_text="The share of the rows looked at that are surer, or as sure.")


class SuggestionsSerializer(serializers.Serializer[Any]):
    """What to judge next, and how it was chosen."""

    method = serializers.CharField()
    looked_at = serializers.IntegerField(help_text="How many of the newest rows that nobody has judged.")
    suggestions = SuggestionSerializer(many=True, source="chosen")


class NewLabelFileSerializer(KnownFieldsOnly):
    """A CSV or Parquet file with the columns prediction, label or correct, and perhaps known_at and subject."""

    file = serializers.FileField(allow_empty_file=True, max_length=None)


class RowProblemSerializer(serializers.Serializer[Any]):
    """What is wrong with one row of a file."""

    row = serializers.IntegerField(allow_null=True, help_text="Row of the file; the header of a CSV is row 1.")
    column = serializers.CharField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class LabelFileSerializer(serializers.ModelSerializer[LabelFile]):
    """A file of labels: taken whole, or refused with the rows at fault."""

    problems = RowProblemSerializer(many=True)
    note = serializers.SerializerMethodField(help_text="What keeps its verdicts from counting in full; empty for nothing.")

    class Meta:
        model = LabelFile
        fields = [
            "id", "model", "original_name", "status", "rows", "created", "replaced", "givers", "note", "problems", "error",
            "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_note(self, file: LabelFile) -> str:
        """Say of a file that names no subjects how many of its verdicts count."""
        if file.givers != 1 or (file.rows or 0) <= _FEW:
            return ""
        return (
            f"The verdicts are of one giver: how content people are goes by no more than {MOST_OF_A_GIVER} of them, and a retraining "
            "policy by its most_per_subject. Name who said each in a column subject, or set most_per_subject to null. How right the "
            "answers were goes by every label that names no subject."
        )


class RealisedSerializer(serializers.Serializer[Any]):
    """How right one version's answers were, by their labels."""

    version = serializers.IntegerField()
    labels = serializers.IntegerField()
    accuracy = serializers.FloatField(required=False)
    interval = serializers.ListField(child=serializers.FloatField(), required=False)
    mae = serializers.FloatField(required=False)
    rmse = serializers.FloatField(required=False)


class SummarySerializer(serializers.Serializer[Any]):
    """How content people are with a model, and how right it was."""

    days = serializers.IntegerField()
    said = serializers.IntegerField()
    givers = serializers.IntegerField()
    verdicts = serializers.FloatField(help_text="Of one giver at most `most_of_a_giver` count.")
    negatives = serializers.FloatField()
    satisfaction = serializers.FloatField(allow_null=True)
    interval = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    most_of_a_giver = serializers.IntegerField()
    realised = RealisedSerializer(many=True)
