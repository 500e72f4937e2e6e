"""Routes of tenants."""

from django.urls import path

from apps.workspaces.api.views import (
    AuditViewSet,
    KeyViewSet,
    MemberViewSet,
    MeView,
    MyKeyViewSet,
    TokenView,
    WorkspaceViewSet,
)

_one = "workspaces/<uuid:workspace_id>/"

urlpatterns = [
    path("auth/token/", TokenView.as_view(), name="auth-token"),
    path("me/", MeView.as_view({"get": "retrieve"}), name="me"),
    path("me/keys/", MyKeyViewSet.as_view({"get": "list"}), name="my-key-list"),
    path("me/keys/<uuid:pk>/", MyKeyViewSet.as_view({"delete": "destroy"}), name="my-key-detail"),
    path("workspaces/", WorkspaceViewSet.as_view({"get": "list", "post": "create"}), name="workspace-list"),
    path(
        "workspaces/<uuid:pk>/",
        WorkspaceViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="workspace-detail",
    ),
    path(f"{_one}members/", MemberViewSet.as_view({"get": "list", "post": "create"}), name="member-list"),
    path(
        f"{_one}members/<int:pk>/",
        MemberViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
        name="member-detail",
    ),
    path(f"{_one}keys/", KeyViewSet.as_view({"get": "list", "post": "create"}), name="key-list"),
    path(f"{_one}keys/<uuid:pk>/", KeyViewSet.as_view({"delete": "destroy"}), name="key-detail"),
    path(f"{_one}audit/", AuditViewSet.as_view({"get": "list"}), name="audit-list"),
    path(f"{_one}audit/verify/", AuditViewSet.as_view({"get": "verify"}), name="audit-verify"),
]
