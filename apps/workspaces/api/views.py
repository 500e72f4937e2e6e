"""HTTP doors of tenants."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core import clock
from apps.core.errors import NotFound, Unauthenticated
from apps.core.permissions import Act, Scope
from apps.workspaces import actions
from apps.workspaces.access import Access, Actor
from apps.workspaces.api.serializers import (
    AuditSerializer,
    IssuedKeySerializer,
    KeySerializer,
    MemberSerializer,
    RoleSerializer,
    TokenRequestSerializer,
    TokenSerializer,
    VerifiedSerializer,
    WorkspaceSerializer,
)
from apps.workspaces.api.viewsets import ScopedViewSet
from apps.workspaces.audit_chain import verify
from apps.workspaces.models import ApiKey, AuditEntry, AuditLink, Membership, Workspace
from apps.workspaces.selectors import keys_in_workspace, keys_of_holder

SIGN_IN_KEY_LIFE = timedelta(days=30)
VERIFIED_AT_ONCE = 50_000


class TokenView(APIView):
    """Trade a user's name and password for an API key."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(request=TokenRequestSerializer, responses={200: TokenSerializer, 401: None}, auth=[])
    def post(self, request: Request) -> Response:
        """Return a key that reaches all of the user's workspaces for 30 days."""
        given = TokenRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = authenticate(request._request, **given.validated_data)  # noqa: SLF001  (Django's own request is asked for)
        if not isinstance(user, User):
            raise Unauthenticated("The user name or the password is wrong.")
        _, clear = actions.issue_key(
            user=user,
            workspace=None,
            name="sign-in",
            scope=Scope.ADMIN,
            expires_at=clock.now() + SIGN_IN_KEY_LIFE,
            actor=Actor(user_id=user.pk),
        )
        return Response({"token": clear})


class MeView(ScopedViewSet):
    """Who is calling, and how far they reach."""

    queryset = Workspace.objects.all()
    acts: ClassVar[dict[str, Act]] = {"retrieve": Act.READ}
    callers_own: ClassVar[frozenset[str]] = frozenset({"retrieve"})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request) -> Response:
        """Return the user, the scope in use and the role in each workspace."""
        roles = [{"workspace": workspace, "role": role} for workspace, role in self.access.roles.items()]
        return Response({"username": self.access.user.get_username(), "scope": self.access.scope, "workspaces": roles})


class WorkspaceViewSet(ScopedViewSet):
    """Workspaces of the caller."""

    queryset = Workspace.objects.all()
    serializer_class = WorkspaceSerializer
    ordering_fields: ClassVar[list[str]] = ["name", "created_at"]
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "retrieve": Act.READ,
        "create": Act.ADMINISTER,
        "partial_update": Act.ADMINISTER,
    }
    callers_own: ClassVar[frozenset[str]] = frozenset({"create"})

    def list(self, request: Request) -> Response:
        """List the caller's workspaces."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Show one workspace."""
        return Response(self.get_serializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """Make a workspace; the caller becomes its owner."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        user = self.access.user
        workspace = actions.create_workspace(name=given.validated_data["name"], owner=user, actor=self.access.actor)
        location = {"Location": f"/api/v1/workspaces/{workspace.pk}/"}
        return Response(self.get_serializer(workspace).data, status.HTTP_201_CREATED, headers=location)

    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Rename a workspace."""
        workspace = self.get_object()
        given = self.get_serializer(workspace, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        name = given.validated_data.get("name", workspace.name)
        return Response(
            self.get_serializer(actions.rename_workspace(workspace=workspace, name=name, actor=self.access.actor)).data
        )


class _InWorkspace(ScopedViewSet):
    """What belongs to the workspace named in the URL."""

    ordering_fields: ClassVar[list[str]] = ["created_at"]

    def workspace(self) -> Workspace:
        """Return the workspace, or 404; the action's act is checked in it."""
        self.access.require(self.acts[self.action], self.kwargs["workspace_id"])
        return Workspace.objects.get(pk=self.kwargs["workspace_id"])

    def get_queryset(self) -> Any:
        """Return the rows of this workspace."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return super().get_queryset().filter(workspace_id=self.kwargs["workspace_id"])

    def list(self, request: Request, workspace_id: UUID) -> Response:
        """List them."""
        self.workspace()
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


@extend_schema_view(list=extend_schema(description="List the members, by the time they came in."))
class MemberViewSet(_InWorkspace):
    """Members of a workspace."""

    queryset = Membership.objects.select_related("user", "workspace")
    serializer_class = MemberSerializer
    acts: ClassVar[dict[str, Act]] = {
        "list": Act.READ,
        "create": Act.ADMINISTER,
        "partial_update": Act.ADMINISTER,
        "destroy": Act.ADMINISTER,
    }

    def create(self, request: Request, workspace_id: UUID) -> Response:
        """Give an existing user a role."""
        workspace = self.workspace()
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        member = actions.add_member(
            workspace=workspace, username=fields["user"]["username"], role=fields["role"], actor=self.access.actor
        )
        return Response(self.get_serializer(member).data, status.HTTP_201_CREATED)

    @extend_schema(request=RoleSerializer, responses=MemberSerializer)
    def partial_update(self, request: Request, workspace_id: UUID, pk: int) -> Response:
        """Change a member's role."""
        member = self.get_object()
        given = RoleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        changed = actions.change_role(member=member, role=given.validated_data["role"], actor=self.access.actor)
        return Response(self.get_serializer(changed).data)

    def destroy(self, request: Request, workspace_id: UUID, pk: int) -> Response:
        """Take a member out, with their keys for this workspace."""
        actions.remove_member(member=self.get_object(), actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(list=extend_schema(description="List the keys, newest first."))
class KeyViewSet(_InWorkspace):
    """API keys of a workspace; each member sees and makes their own, owners see all."""

    queryset = ApiKey.objects.select_related("user")
    serializer_class = KeySerializer
    ordering_fields: ClassVar[list[str]] = ["created_at", "name"]
    acts: ClassVar[dict[str, Act]] = {"list": Act.READ, "create": Act.READ, "destroy": Act.READ}
    secret: ClassVar[frozenset[str]] = frozenset({"create"})

    def get_queryset(self) -> Any:
        """Return the caller's keys, or all for an owner."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return keys_in_workspace(self.access, self.kwargs["workspace_id"])

    @extend_schema(request=KeySerializer, responses={201: IssuedKeySerializer})
    def create(self, request: Request, workspace_id: UUID) -> Response:
        """Make a key for oneself, no wider and no longer than the one in use; its clear text is in this answer only."""
        workspace = self.workspace()
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        key, clear = actions.issue_key(
            user=self.access.user,
            workspace=workspace,
            name=fields["name"],
            scope=fields["scope"],
            expires_at=fields.get("expires_at"),
            actor=self.access.actor,
            maker=self.access,
        )
        return Response({**self.get_serializer(key).data, "key": clear}, status.HTTP_201_CREATED)

    def destroy(self, request: Request, workspace_id: UUID, pk: UUID) -> Response:
        """Revoke a key no wider than the one in use, within three seconds everywhere; keys that were made with it stay."""
        self.workspace()
        return _revoked(self.get_queryset().filter(pk=pk).first(), self.access)


class MyKeyViewSet(ScopedViewSet):
    """The caller's own keys, in every workspace and in none: those of `auth/token/` too."""

    queryset = ApiKey.objects.all()
    serializer_class = KeySerializer
    ordering_fields: ClassVar[list[str]] = ["created_at", "name"]
    acts: ClassVar[dict[str, Act]] = {"list": Act.READ, "destroy": Act.READ}
    callers_own: ClassVar[frozenset[str]] = frozenset({"list", "destroy"})

    def get_queryset(self) -> Any:
        """Return the caller's keys; those of its own workspace to a key that is for one."""
        if getattr(self, "swagger_fake_view", False):
            return ApiKey.objects.none()
        return keys_of_holder(self.access)

    def list(self, request: Request) -> Response:
        """List the caller's own keys, newest first, the revoked ones too."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def destroy(self, request: Request, pk: UUID) -> Response:
        """Revoke one's own key, no wider than the one in use; keys that were made with it stay."""
        return _revoked(self.get_queryset().filter(pk=pk).first(), self.access)


def _revoked(key: ApiKey | None, access: Access) -> Response:
    if key is None:
        raise NotFound
    actions.refuse_wider(key.scope, access, "revoke")
    actions.revoke_key(key=key, actor=access.actor)
    return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(list=extend_schema(description="List who did what, the latest first."))
class AuditViewSet(_InWorkspace):
    """The audit trail of a workspace, and whether it is as it was written."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditSerializer
    ordering_fields: ClassVar[list[str]] = ["at"]
    acts: ClassVar[dict[str, Act]] = {"list": Act.ADMINISTER, "verify": Act.ADMINISTER}

    def get_queryset(self) -> Any:
        """Return the entries with the hash of their link."""
        link = AuditLink.objects.filter(entry_id=OuterRef("pk")).values("hash")
        return super().get_queryset().annotate(hash=Subquery(link[:1]))

    @extend_schema(responses=VerifiedSerializer, filters=False)
    def verify(self, request: Request, workspace_id: UUID) -> Response:
        """Tell whether the trail's newest 50,000 entries are as they were written, and its head; `manage.py verify_audit` looks at all."""
        self.workspace()
        return Response(VerifiedSerializer(verify(str(workspace_id), newest=VERIFIED_AT_ONCE)).data)
