"""HTTP doors of datasets."""

from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import QuerySet
from django.http import FileResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.errors import MEDIA_TYPE, problem_body
from apps.core.api.pagination import PAGES
from apps.core.api.queries import ChoiceFilter, chosen
from apps.core.errors import Conflict, NotFound, Problem
from apps.core.permissions import Act
from apps.datasets.actions import archive_dataset, declare_subject, register_upload
from apps.datasets.api.serializers import (
    DatasetSerializer,
    DatasetVersionSerializer,
    NewVersionSerializer,
    PreviewSerializer,
    SubjectColumnSerializer,
    UploadSerializer,
)
from apps.datasets.api.uploads import UploadParser
from apps.datasets.models import Dataset, DatasetVersion, Kind
from apps.datasets.selectors import datasets_of, latest_version, table_file, upload_file, wait_for_check
from apps.workspaces.api.viewsets import ScopedViewSet
from apps.workspaces.models import Workspace

_FORMS = ("original", "parquet")


class DatasetFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?workspace=`, `?kind=`, `?name=`."""

    workspace = filters.UUIDFilter(field_name="workspace_id")
    kind = ChoiceFilter(choices=Kind.choices)
    name = filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = Dataset
        fields: ClassVar[list[str]] = ["workspace", "kind", "name"]


class DatasetViewSet(ScopedViewSet):
    """Upload data sets and read what they hold."""

    queryset = Dataset.objects.filter(archived_at__isnull=True)
    serializer_class = DatasetSerializer
    filterset_class = DatasetFilter
    ordering_fields: ClassVar[list[str]] = ["created_at", "name"]
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "retrieve": Act.READ,
        "preview": Act.READ,
        "download": Act.READ,
        "versions": Act.READ,
        "create": Act.TRAIN,
        "new_version": Act.TRAIN,
        "partial_update": Act.TRAIN,
        "destroy": Act.ADMINISTER,
    }
    queries: ClassVar[dict[str, tuple[str, ...]]] = {"versions": PAGES, "download": ("form",)}
    waits: ClassVar[frozenset[str]] = frozenset({"create", "new_version"})

    def get_parsers(self) -> list[Any]:
        """Return the parser of uploads; only a change is JSON."""
        request = getattr(self, "request", None)
        return super().get_parsers() if request is not None and request.method == "PATCH" else [UploadParser()]

    def get_queryset(self) -> QuerySet[Any]:
        """Return the caller's live datasets with their versions."""
        if getattr(self, "swagger_fake_view", False):
            return Dataset.objects.none()
        return datasets_of(self.access.workspace_ids, whole=True)

    def list(self, request: Request) -> Response:
        """List data sets, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, pk: str) -> Response:
        """Show one data set."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={201: DatasetSerializer, 202: DatasetSerializer, 404: None},
    )
    def create(self, request: Request) -> Response:
        """Upload a file as a new data set."""
        given = UploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        self.access.require(Act.TRAIN, fields["workspace"])
        version = register_upload(
            workspace=Workspace.objects.get(pk=fields["workspace"]),
            dataset=None,
            name=fields.get("name", ""),
            kind=fields.get("kind", ""),
            upload=fields["file"],
            actor=self.access.actor,
        )
        return self._answer(version)

    @extend_schema(
        request={"multipart/form-data": NewVersionSerializer}, responses={201: DatasetSerializer, 202: DatasetSerializer}
    )
    def new_version(self, request: Request, pk: str) -> Response:
        """Upload a new immutable version of a data set."""
        dataset = self.get_object()
        given = NewVersionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        version = register_upload(
            workspace=dataset.workspace,
            dataset=dataset,
            kind=fields.get("kind", ""),
            upload=fields["file"],
            actor=self.access.actor,
        )
        return self._answer(version)

    def _answer(self, version: DatasetVersion) -> Response:
        if version.upload_bytes <= settings.UPLOAD_WAIT_BYTES:
            version = wait_for_check(version)
        dataset = datasets_of(self.access.workspace_ids, whole=True).filter(pk=version.dataset_id).first()
        if dataset is None:
            raise Conflict("The file was stored, but the data set was archived or removed meanwhile.")
        body = self.get_serializer(dataset).data
        location = {"Location": f"/api/v1/datasets/{dataset.pk}/"}
        if version.status == DatasetVersion.Status.REFUSED:
            problem = refusal(version, self.request.path)
            return Response(problem, status.HTTP_422_UNPROCESSABLE_ENTITY, headers=location, content_type=MEDIA_TYPE)
        code = status.HTTP_201_CREATED if version.status == DatasetVersion.Status.READY else status.HTTP_202_ACCEPTED
        return Response(body, code, headers=location)

    @extend_schema(request={"application/json": SubjectColumnSerializer}, responses=DatasetSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Say which column tells whose data a row is: nothing is learned from it, and rows are erased by it."""
        dataset = self.get_object()
        given = SubjectColumnSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        declare_subject(dataset=dataset, column=given.validated_data["subject_column"], actor=self.access.actor)
        return Response(self.get_serializer(self.get_queryset().get(pk=dataset.pk)).data)

    def destroy(self, request: Request, pk: str) -> Response:
        """Archive a data set; models made from it keep their lineage."""
        archive_dataset(dataset=self.get_object(), actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=DatasetVersionSerializer(many=True), filters=False)
    def versions(self, request: Request, pk: str) -> Response:
        """List the versions of a data set, newest first."""
        page = self.paginate_queryset(self.get_object().versions.order_by("-number"))
        return self.get_paginated_response(DatasetVersionSerializer(page, many=True).data)

    @extend_schema(responses=PreviewSerializer)
    def preview(self, request: Request, pk: str) -> Response:
        """Show the first rows of the newest version."""
        version = latest_version(self.get_object())
        columns = [column["name"] for column in version.columns] if version else []
        return Response({"columns": columns, "rows": version.preview if version else []})

    @extend_schema(
        parameters=[OpenApiParameter("form", str, enum=_FORMS)],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def download(self, request: Request, pk: str) -> FileResponse:
        """Download the newest version: the file as it was sent, or the canonical copy (`?form=parquet`)."""
        version = latest_version(self.get_object())
        if version is None:
            raise NotFound
        if chosen(request, "form", _FORMS) == "parquet":
            if not version.table_path:
                raise NotFound("This version has no canonical copy: it was not accepted.")
            return _attachment(table_file(version), f"{Path(version.original_name).stem}.parquet")
        return _attachment(upload_file(version), version.original_name)


def _attachment(path: Path, name: str) -> FileResponse:
    if not path.exists():
        raise NotFound("The file is no longer there.")
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="application/octet-stream")


def refusal(version: DatasetVersion, instance: str) -> dict[str, Any]:
    """Return a refused version as the members of a problem document."""
    problems = [Problem(_pointer(p), p["code"], p["detail"]) for p in version.problems]
    title = "The file is refused; nothing of it was kept for training"
    first = version.problems[0]
    where = f"Row {first['row']}: " if first.get("row") else ""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    body = problem_body(422, "refused", title, f"{where}{first['detail']}{more}", instance, problems)
    return {**body, "id": version.dataset_id, "problems": version.problems, "reading": version.reading}


def _pointer(problem: dict[str, Any]) -> str:
    parts = [str(problem[key]) for key in ("row", "column") if problem[key] is not None]
    return "/".join(["/file", *parts])
