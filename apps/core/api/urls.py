"""Routes that describe the API."""

from django.urls import path

from apps.core.api.views import SchemaView, docs

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
]
