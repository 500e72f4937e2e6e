"""HTTP doors of the registry."""

from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse, HttpResponse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import clock
from apps.core.api.queries import chosen
from apps.core.errors import Conflict, InvalidInput, NotFound, Problem
from apps.core.permissions import Act
from apps.registry import actions
from apps.registry.api.serializers import (
    AliasSerializer,
    FileSerializer,
    ImportanceSerializer,
    ModelSerializer,
    ModelUpdateSerializer,
    PerformanceSerializer,
    ReasonSerializer,
    VersionSerializer,
)
from apps.registry.card import card_json
from apps.registry.files import CARD, open_file, refuse_removed
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import (
    champion_at,
    champion_of,
    is_live_model,
    learned_and_erased,
    models_of,
    newest_versions,
    reasons_to_retrain,
    version_folder,
)
from apps.workspaces.api.viewsets import ScopedViewSet
from apps.workspaces.models import IdempotencyRecord, Workspace

_CARD_FORMS = ("markdown", "json")


class ModelFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?workspace=`, `?algorithm=`, `?task=`, `?domain=`, `?name=`."""

    workspace = filters.UUIDFilter(field_name="workspace_id")
    name = filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = RegisteredModel
        fields: ClassVar[list[str]] = ["workspace", "algorithm", "task", "domain", "name"]


class ModelViewSet(ScopedViewSet):
    """Register models, read how they do, move their aliases."""

    queryset = RegisteredModel.objects.filter(archived_at__isnull=True)
    serializer_class = ModelSerializer
    filterset_class = ModelFilter
    ordering_fields: ClassVar[list[str]] = ["created_at", "name"]
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "retrieve": Act.READ,
        "create": Act.TRAIN,
        "partial_update": Act.TRAIN,
        "destroy": Act.ADMINISTER,
        "rollback": Act.PROMOTE,
        "champion": Act.READ,
        "performance": Act.READ,
        "feature_importance": Act.READ,
    }
    queries: ClassVar[dict[str, tuple[str, ...]]] = {"champion": ("at",)}
    waits: ClassVar[frozenset[str]] = frozenset({"rollback"})  # it reads all files of a version before its transaction

    def get_queryset(self) -> QuerySet[Any]:
        """Return the caller's live models with their aliases."""
        if getattr(self, "swagger_fake_view", False):
            return RegisteredModel.objects.none()
        return models_of(self.access.workspace_ids)

    def list(self, request: Request) -> Response:
        """List models, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one model."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses={201: ModelSerializer, 404: None})
    def create(self, request: Request) -> Response:
        """Register a model."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields = dict(given.validated_data)
        workspace_id = fields.pop("workspace_id")
        self.access.require(Act.TRAIN, workspace_id)
        workspace = Workspace.objects.get(pk=workspace_id)
        model = actions.create_model(workspace=workspace, actor=self.access.actor, **fields)
        location = {"Location": f"/api/v1/models/{model.pk}/"}
        return Response(self.get_serializer(model).data, status.HTTP_201_CREATED, headers=location)

    @extend_schema(request=ModelUpdateSerializer, responses=ModelSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change a model's description or settings."""
        model = self.get_object()
        given = ModelUpdateSerializer(model, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        changed = actions.update_model(model=model, actor=self.access.actor, **given.validated_data)
        return Response(self.get_serializer(changed).data)

    def destroy(self, request: Request, pk: UUID) -> Response:
        """Archive a model."""
        actions.archive_model(model=self.get_object(), actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=ReasonSerializer, responses=AliasSerializer)
    def rollback(self, request: Request, pk: UUID) -> Response:
        """Bring back the champion before the present one."""
        given = ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        alias = actions.rollback_model(model=self.get_object(), actor=self.access.actor, **given.validated_data)
        return Response(AliasSerializer(alias).data)

    @extend_schema(parameters=[OpenApiParameter("at", OpenApiTypes.DATETIME)], responses=AliasSerializer)
    def champion(self, request: Request, pk: UUID) -> Response:
        """Tell who is live, or was live `at` a time."""
        model = self.get_object()
        text = request.query_params.get("at")
        span = champion_at(model, _time_of(text) if text else clock.now())
        if span is None:
            raise NotFound("No version was live at that time.")
        return Response(AliasSerializer(span).data)

    @extend_schema(responses=PerformanceSerializer)
    def performance(self, request: Request, pk: UUID) -> Response:
        """Show the champion's metrics beside its baseline, the history, and whether to retrain."""
        model = self.get_object()
        champion = champion_of(model)
        age = (clock.now() - champion.created_at).days if champion else None
        reasons = reasons_to_retrain(model)
        accuracy = champion.metrics.get("accuracy") if champion else None
        return Response(
            {
                "model": {
                    "id": model.pk,
                    "name": model.name,
                    "type": model.algorithm,
                    "accuracy": accuracy,
                    "age_days": age,
                },
                "version": champion.number if champion else None,
                "metrics": champion.metrics if champion else {},
                "baseline": champion.baseline if champion else {},
                "main_metric": champion.evaluation.get("main") if champion else None,
                "history": [_history_line(version) for version in newest_versions(model, 200)],
                "needs_retraining": bool(reasons),
                "reasons": reasons,
            }
        )

    @extend_schema(responses=ImportanceSerializer)
    def feature_importance(self, request: Request, pk: UUID) -> Response:
        """Show which columns matter to the champion."""
        champion = champion_of(self.get_object())
        if champion is None:
            raise untrained()
        return Response({**champion.importance, "version": champion.number})


def _time_of(text: str) -> datetime:
    """Return the time in UTC; a time zone can carry the first and last hours of the calendar out of it."""
    try:
        at = parse_datetime(text.replace(" ", "+"))
        at = at and (make_aware(at) if is_naive(at) else at).astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None:
        problem = Problem("at", "bad_time", "Give an ISO 8601 time such as 2026-01-31T08:30:00Z.")
        raise InvalidInput("The time cannot be read.", [problem])
    return at


def untrained() -> Conflict:
    """Return the refusal of what needs a trained version, with the way out."""
    return Conflict(
        "The model has no trained version yet. POST a dataset to its train/ route, and wait for the campaign to complete."
    )


def _history_line(version: ModelVersion) -> dict[str, Any]:
    aliases = [alias.name for alias in version.aliases.all() if alias.until is None]
    return {"version": version.number, "created_at": version.created_at, "metrics": version.metrics, "aliases": aliases}


class VersionViewSet(ScopedViewSet):
    """Read the versions of a model; promote one."""

    queryset = ModelVersion.objects.select_related("model", "dataset_version").prefetch_related(
        "aliases", "dataset_version__erasures", "model__erased_labels"
    )
    serializer_class = VersionSerializer
    ordering_fields: ClassVar[list[str]] = ["created_at"]
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "retrieve": Act.READ,
        "promote": Act.PROMOTE,
        "card": Act.READ,
        "artifacts": Act.READ,
        "artifact": Act.READ,
    }
    queries: ClassVar[dict[str, tuple[str, ...]]] = {"card": ("form",)}
    waits: ClassVar[frozenset[str]] = frozenset({"promote"})  # as rollback

    def get_queryset(self) -> QuerySet[Any]:
        """Return the versions of the model named in the URL."""
        if getattr(self, "swagger_fake_view", False):
            return ModelVersion.objects.none()
        versions = super().get_queryset().filter(model_id=self.kwargs["model_id"], model__archived_at__isnull=True)
        return versions.order_by("-number")

    def get_object(self) -> ModelVersion:
        """Return the version of this number, or 404."""
        found: ModelVersion | None = self.get_queryset().filter(number=self.kwargs["number"]).first()
        if found is None:
            raise NotFound
        self.access.require(self.acts[self.action], found.model.workspace_id)
        return found

    def _as_it_stands(self, record: IdempotencyRecord) -> Response:
        self.action = "retrieve"
        return self.retrieve(self.request, **self.kwargs)

    def list(self, request: Request, model_id: UUID) -> Response:
        """List versions, newest first."""
        if not is_live_model(model_id, self.access.workspace_ids):
            raise NotFound
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, model_id: UUID, number: int) -> Response:
        """Show one version."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=ReasonSerializer, responses=AliasSerializer)
    def promote(self, request: Request, model_id: UUID, number: int) -> Response:
        """Make a version the champion."""
        given = ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        alias = actions.promote_version(version=self.get_object(), actor=self.access.actor, **given.validated_data)
        return Response(AliasSerializer(alias).data)

    @extend_schema(
        parameters=[OpenApiParameter("form", str, enum=_CARD_FORMS)],
        responses={(200, "text/markdown"): OpenApiTypes.STR, (200, "application/json"): OpenApiTypes.OBJECT},
    )
    def card(self, request: Request, model_id: UUID, number: int) -> HttpResponse | Response:
        """Show the model card, as Markdown or (`?form=json`) as facts."""
        version = self.get_object()
        if chosen(request, "form", _CARD_FORMS) == "json":
            return Response(card_json(version))
        with open_file(version, CARD) as file:
            card = file.read()
        if (erased := learned_and_erased(version)) is not None:  # since the file was written
            card += f"\n## Erased since\n\n{erased.advice}\n".encode()
        return HttpResponse(card, content_type="text/markdown; charset=utf-8")

    @extend_schema(responses=FileSerializer(many=True), filters=False)
    def artifacts(self, request: Request, model_id: UUID, number: int) -> Response:
        """List the version's files with their checksums."""
        version = self.get_object()
        refuse_removed(version)
        folder = version_folder(version)
        return Response(
            [_file_line(folder / path, path, digest) for path, digest in sorted(version.manifest["files"].items())]
        )

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def artifact(self, request: Request, model_id: UUID, number: int, path: str) -> FileResponse:
        """Download one file."""
        version = self.get_object()
        if path not in version.manifest["files"]:
            raise NotFound("The version has no such file; GET its artifacts/ lists them.")
        file, name = open_file(version, path), PurePosixPath(path).name
        return FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")


def _file_line(file: Any, path: str, digest: str) -> dict[str, Any]:
    try:
        size = file.stat().st_size
    except OSError:
        size = None
    return {"path": path, "sha256": digest, "size_bytes": size}
