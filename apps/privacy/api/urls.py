"""Routes of privacy."""

from django.urls import path

from apps.privacy.api.views import RetentionViewSet, SubjectViewSet

_one = "workspaces/<uuid:workspace_id>/"
_subjects = SubjectViewSet.as_view
_request = f"{_one}subjects/requests/<uuid:pk>/"

urlpatterns = [
    path(f"{_one}subjects/", _subjects({"post": "pseudonym"}), name="subject-pseudonym"),
    path(f"{_one}subjects/export/", _subjects({"post": "export"}), name="subject-export"),
    path(f"{_one}subjects/erase/", _subjects({"post": "erase"}), name="subject-erase"),
    path(f"{_one}subjects/requests/", _subjects({"get": "list"}), name="subject-request-list"),
    path(_request, _subjects({"get": "retrieve"}), name="subject-request-detail"),
    path(f"{_request}download/", _subjects({"get": "download"}), name="subject-request-download"),
    path(f"{_request}certificate/", _subjects({"get": "certificate"}), name="subject-request-certificate"),
    path(f"{_one}retention/", RetentionViewSet.as_view({"get": "retrieve", "put": "update"}), name="retention"),
]
