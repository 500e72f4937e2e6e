"""HTTP doors of privacy: for owners alone."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.queries import ChoiceFilter
from apps.core.errors import NotFound
from apps.core.instance import private_folder
from apps.core.permissions import Act
from apps.privacy import actions
from apps.privacy.api.serializers import (
    CertificateSerializer,
    ErasureSerializer,
    NamedSubjectSerializer,
    PseudonymSerializer,
    RetentionSerializer,
    RetentionShownSerializer,
    SubjectRequestSerializer,
)
from apps.privacy.models import RetentionPolicy, SubjectRequest
from apps.privacy.selectors import Days, longest_days, retention_of
from apps.workspaces.api.viewsets import ScopedViewSet
from apps.workspaces.models import Workspace
from apps.workspaces.subjects import checked_subject, pseudonym

_FIELDS = ("prediction_days", "feedback_days", "sample_days")


class SubjectRequestFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is not typed
    """`?kind=`, `?status=`, `?subject=` (a pseudonym)."""

    kind = ChoiceFilter(choices=SubjectRequest.Kind.choices)
    status = ChoiceFilter(choices=SubjectRequest.Status.choices)
    subject = filters.CharFilter(field_name="subject")

    class Meta:
        model = SubjectRequest
        fields: ClassVar[list[str]] = ["kind", "status", "subject"]


class _OfWorkspace(ScopedViewSet):
    """A view below one workspace."""

    def workspace(self) -> Workspace:
        """Return the workspace named in the URL; 404 for strangers, 403 for members who are no owners."""
        self.access.require(self.acts[self.action], self.kwargs["workspace_id"])
        return Workspace.objects.get(pk=self.kwargs["workspace_id"])


class SubjectViewSet(_OfWorkspace):
    """Count, hand out or erase what there is of one subject."""

    queryset = SubjectRequest.objects.all()
    serializer_class = SubjectRequestSerializer
    filterset_class = SubjectRequestFilter
    ordering_fields: ClassVar[list[str]] = ["created_at"]
    acts: ClassVar[dict[str, Act]] = dict.fromkeys(
        ("list", "retrieve", "pseudonym", "export", "erase", "download", "certificate"), Act.ADMINISTER
    )

    def get_queryset(self) -> QuerySet[Any]:
        """Return the requests of the workspace named in the URL."""
        if getattr(self, "swagger_fake_view", False):
            return SubjectRequest.objects.none()
        return super().get_queryset().filter(workspace_id=self.kwargs["workspace_id"])

    def list(self, request: Request, workspace_id: UUID) -> Response:
        """List what was asked for, the latest first."""
        self.workspace()
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, workspace_id: UUID, pk: UUID) -> Response:
        """Show how far a request is."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=NamedSubjectSerializer, responses=PseudonymSerializer)
    def pseudonym(self, request: Request, workspace_id: UUID) -> Response:
        """Tell the pseudonym that stands for a subject here."""
        self.workspace()
        given = NamedSubjectSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response({"subject": pseudonym(workspace_id, checked_subject(given.validated_data["subject"]))})

    @extend_schema(request=NamedSubjectSerializer, responses={202: SubjectRequestSerializer})
    def export(self, request: Request, workspace_id: UUID) -> Response:
        """Put together all that is known of a subject; the archive can be downloaded for some days once it is made."""
        workspace = self.workspace()
        given = NamedSubjectSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        found = actions.request_export(workspace=workspace, subject=given.validated_data["subject"], actor=self.access.actor)
        return self._accepted(found)

    @extend_schema(request=ErasureSerializer, responses={202: SubjectRequestSerializer})
    def erase(self, request: Request, workspace_id: UUID) -> Response:
        """Erase a subject from data sets, results, predictions, feedback and samples; first count (`dry_run`), then `counted`."""
        workspace = self.workspace()
        given = ErasureSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked, actor = given.validated_data, self.access.actor
        if asked["dry_run"]:
            found = actions.request_count(workspace=workspace, subject=asked["subject"], actor=actor)
        else:
            found = actions.request_erasure(
                workspace=workspace, subject=asked["subject"], counted=asked["counted"], actor=actor
            )
        return self._accepted(found)

    def _accepted(self, found: SubjectRequest) -> Response:
        location = {"Location": f"/api/v1/workspaces/{found.workspace_id}/subjects/requests/{found.pk}/"}
        return Response(self.get_serializer(found).data, status.HTTP_202_ACCEPTED, headers=location)

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def download(self, request: Request, workspace_id: UUID, pk: UUID) -> FileResponse:
        """Download the archive of an export."""
        found = self.get_object()
        path = private_folder("exports") / found.file_path if found.file_path else None
        if path is None or not path.is_file():
            raise NotFound("There is no archive, or its time is over. Ask for a new export.")
        return FileResponse(path.open("rb"), as_attachment=True, filename=f"{found.pk}.zip", content_type="application/zip")

    @extend_schema(responses=CertificateSerializer)
    def certificate(self, request: Request, workspace_id: UUID, pk: UUID) -> Response:
        """Show the signed certificate of an erasure."""
        found = self.get_object()
        if not found.certificate:
            raise NotFound("There is no certificate: it is written when an erasure has ended.")
        name = f'attachment; filename="certificate-{found.pk}.json"'
        return Response(CertificateSerializer.of(found), headers={"Content-Disposition": name})


class RetentionViewSet(_OfWorkspace):
    """For how long a workspace keeps things."""

    queryset = Workspace.objects.all()
    acts: ClassVar[dict[str, Act]] = {"retrieve": Act.READ, "update": Act.ADMINISTER}

    @extend_schema(responses=RetentionShownSerializer)
    def retrieve(self, request: Request, workspace_id: UUID) -> Response:
        """Show for how many days things are kept."""
        return Response(_shown(self.workspace()))

    @extend_schema(request=RetentionSerializer, responses=RetentionShownSerializer)
    def update(self, request: Request, workspace_id: UUID) -> Response:
        """Say for how many days things are kept; what is left out is kept as long as the installation allows."""
        workspace = self.workspace()
        given = RetentionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        days = {name: given.validated_data.get(name) for name in _FIELDS}
        actions.set_retention(workspace=workspace, days=days, actor=self.access.actor)
        return Response(_shown(workspace))


def _shown(workspace: Workspace) -> dict[str, Any]:
    own = RetentionPolicy.objects.filter(pk=workspace.pk).first()
    chosen = {name: getattr(own, name, None) for name in _FIELDS}
    return {**chosen, "at_most": _named(longest_days()), "in_force": _named(retention_of(workspace.pk))}


def _named(days: Days) -> dict[str, int]:
    return dict(zip(_FIELDS, (days.predictions, days.feedback, days.samples), strict=True))
