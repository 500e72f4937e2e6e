"""HTTP doors of feedback."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock
from apps.core.api.queries import ChoiceFilter, unreadable, whole_number
from apps.core.errors import NotFound
from apps.core.permissions import Act
from apps.datasets.api.uploads import UploadParser
from apps.feedback import actions, selectors
from apps.feedback.actions import Verdict
from apps.feedback.api.serializers import (
    FeedbackSerializer,
    LabelFileSerializer,
    NewLabelFileSerializer,
    NewSampleSerializer,
    SampleSerializer,
    SuggestionsSerializer,
    SummarySerializer,
    TakenSerializer,
    VerdictSerializer,
    VerdictsSerializer,
)
from apps.feedback.label_files import take_file
from apps.feedback.models import Feedback, FeedbackSample, LabelFile
from apps.feedback.sampling import keep_sample, withdraw_sample
from apps.feedback.selectors import sample_file
from apps.feedback.suggestions import MOST, suggestions
from apps.registry.models import RegisteredModel
from apps.workspaces.api.viewsets import ScopedViewSet
from apps.workspaces.models import IdempotencyRecord
from apps.workspaces.subjects import SHAPE

_WINDOW_DAYS, _MOST_DAYS = 30, 3_650
_SUGGESTED = 20


class FeedbackFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?correct=`, `?source=`, `?subject=`."""

    correct = filters.BooleanFilter(field_name="correct")
    source = ChoiceFilter(choices=Feedback.Source.choices)
    subject = filters.CharFilter(method="of_subject")

    class Meta:
        model = Feedback
        fields: ClassVar[list[str]] = ["correct", "source", "subject"]

    def of_subject(self, rows: QuerySet[Feedback], _name: str, value: str) -> QuerySet[Feedback]:
        """Keep those of a pseudonym; ids stand in no address, for addresses are logged on their way."""
        if not SHAPE.fullmatch(value):
            raise unreadable(
                "subject", "Give the pseudonym that the verdicts show, or that POST workspaces/{id}/subjects/ answers."
            )
        return rows.filter(subject=value)


class _OfModel(ScopedViewSet):
    """A view below one model."""

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows of the model named in the URL."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return super().get_queryset().filter(model_id=self.kwargs["model_id"])

    def _model(self) -> RegisteredModel:
        """Return the model named in the URL, or 404; its workspace is checked against the action's act."""
        live = RegisteredModel.objects.filter(archived_at__isnull=True).in_workspaces(self.access.workspace_ids)
        model: RegisteredModel | None = live.filter(pk=self.kwargs["model_id"]).first()
        if model is None:
            raise NotFound
        self.access.require(self.acts[self.action], model.workspace_id)
        return model


class FeedbackViewSet(_OfModel):
    """Take and list what people say of a model's predictions."""

    queryset = Feedback.objects.select_related("version", "user")
    serializer_class = FeedbackSerializer
    filterset_class = FeedbackFilter
    ordering_fields: ClassVar[list[str]] = ["given_at", "known_at", "predicted_at"]
    queries: ClassVar[dict[str, tuple[str, ...]]] = {"summary": ("days",), "suggestions": ("n",)}
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "create": Act.ANNOTATE,
        "many": Act.ANNOTATE,
        "summary": Act.READ,
        "suggestions": Act.READ,
    }

    def list(self, request: Request, model_id: UUID) -> Response:
        """List what was said of a model's predictions, newest first."""
        self._model()
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request=VerdictSerializer, responses={200: FeedbackSerializer, 201: FeedbackSerializer})
    def create(self, request: Request, model_id: UUID) -> Response:
        """Take a verdict on a prediction; the same giver's second one replaces the first (200)."""
        model = self._model()
        given = VerdictSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        verdict = Verdict(**given.validated_data)
        found, is_new = actions.give_feedback(
            model=model, verdict=verdict, source=Feedback.Source.API, actor=self.access.actor
        )
        return Response(FeedbackSerializer(found).data, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)

    @extend_schema(request=VerdictsSerializer, responses=TakenSerializer)
    def many(self, request: Request, model_id: UUID) -> Response:
        """Take many verdicts or late labels, all or none."""
        model = self._model()
        given = VerdictsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        verdicts = [Verdict(**one) for one in given.validated_data["verdicts"]]
        taken = actions.give_many(model=model, verdicts=verdicts, source=Feedback.Source.API, actor=self.access.actor)
        return Response({"created": taken.created, "replaced": taken.replaced})

    @extend_schema(parameters=[OpenApiParameter("n", int)], responses=SuggestionsSerializer, filters=False)
    def suggestions(self, request: Request, model_id: UUID) -> Response:
        """Suggest `n` (20) recent predictions to judge next: those the live version was least sure of, unlike one another."""
        model = self._model()
        count = whole_number(request, "n", least=1) or _SUGGESTED
        if count > MOST:
            raise unreadable("n", f"Give a whole number from 1 to {MOST}.")
        return Response(SuggestionsSerializer(suggestions(model, count=count)).data)

    @extend_schema(parameters=[OpenApiParameter("days", int)], responses=SummarySerializer, filters=False)
    def summary(self, request: Request, model_id: UUID) -> Response:
        """Tell how content people were with a model over the last `days` (30), and how right its answers were."""
        model = self._model()
        days = whole_number(request, "days", least=1) or _WINDOW_DAYS
        if days > _MOST_DAYS:
            raise unreadable("days", f"Give a whole number from 1 to {_MOST_DAYS}.")
        now = clock.now()
        since = now - timedelta(days=days)
        told = selectors.satisfaction(model, since=since).as_json()
        return Response({"days": days, **told, "realised": selectors.realised(model, since=since, known_by=now)})


class SampleViewSet(_OfModel):
    """Keep what somebody agreed to have kept of a prediction."""

    queryset = FeedbackSample.objects.select_related("version", "model")
    serializer_class = SampleSerializer
    ordering_fields: ClassVar[list[str]] = ["consented_at", "expires_at"]
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "create": Act.ANNOTATE,
        "destroy": Act.ANNOTATE,
        "download": Act.ANNOTATE,
    }

    def get_parsers(self) -> list[Any]:
        """Return the parser of uploads."""
        return [UploadParser()]

    def list(self, request: Request, model_id: UUID) -> Response:
        """List the samples of a model, newest first."""
        self._model()
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(request={"multipart/form-data": NewSampleSerializer}, responses={201: SampleSerializer})
    def create(self, request: Request, model_id: UUID) -> Response:
        """Keep an image, a sound or, without a file, the row of a prediction, with the consent of whoever it is of."""
        model = self._model()
        given = NewSampleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        sample = keep_sample(
            model=model,
            prediction=asked["prediction"],
            upload=asked["file"],
            consent=asked["consent"],
            subject=asked["subject"],
            actor=self.access.actor,
        )
        return Response(SampleSerializer(sample).data, status.HTTP_201_CREATED)

    def destroy(self, request: Request, model_id: UUID, pk: UUID) -> Response:
        """Remove a sample: whoever agreed does so no longer."""
        withdraw_sample(sample=self.get_object(), actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def download(self, request: Request, model_id: UUID, pk: UUID) -> FileResponse:
        """Download a sample, as an attachment."""
        sample = self.get_object()
        path = sample_file(sample)
        if not path.is_file():
            raise NotFound("The file is no longer there.")
        return FileResponse(path.open("rb"), as_attachment=True, filename=sample.path, content_type=sample.media_type)


class LabelFileViewSet(_OfModel):
    """Take late labels by file."""

    queryset = LabelFile.objects.select_related("model")
    serializer_class = LabelFileSerializer
    ordering_fields: ClassVar[list[str]] = ["created_at"]
    acts: ClassVar[dict[str, Act]] = {"list": Act.READ, "retrieve": Act.READ, "create": Act.ANNOTATE}
    waits: ClassVar[frozenset[str]] = frozenset({"create"})

    def get_parsers(self) -> list[Any]:
        """Return the parser of uploads."""
        return [UploadParser()]

    def list(self, request: Request, model_id: UUID) -> Response:
        """List the files of labels of a model, newest first."""
        self._model()
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, model_id: UUID, pk: UUID) -> Response:
        """Show what became of a file."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request={"multipart/form-data": NewLabelFileSerializer}, responses={202: LabelFileSerializer})
    def create(self, request: Request, model_id: UUID) -> Response:
        """Take a file of verdicts and late labels; a worker reads it, and takes all of it or nothing."""
        model = self._model()
        given = NewLabelFileSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        taken = take_file(model=model, upload=given.validated_data["file"], actor=self.access.actor)
        location = {"Location": f"/api/v1/models/{model.pk}/feedback/file/{taken.pk}/"}
        return Response(LabelFileSerializer(taken).data, status.HTTP_202_ACCEPTED, headers=location)

    def _as_it_stands(self, record: IdempotencyRecord) -> Response:
        self.action = "retrieve"
        self.kwargs["pk"] = record.target_id
        return self.retrieve(self.request, model_id=self.kwargs["model_id"], pk=record.target_id)  # type: ignore[arg-type]
