"""Routes of the registry."""

from django.urls import path

from apps.registry.api.views import ModelViewSet, VersionViewSet

_model = ModelViewSet.as_view
_version = VersionViewSet.as_view
_one = "models/<uuid:pk>/"
_versions = "models/<uuid:model_id>/versions/"

urlpatterns = [
    path("models/", _model({"get": "list", "post": "create"}), name="model-list"),
    path(_one, _model({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}), name="model-detail"),
    path(f"{_one}rollback/", _model({"post": "rollback"}), name="model-rollback"),
    path(f"{_one}champion/", _model({"get": "champion"}), name="model-champion"),
    path(f"{_one}performance/", _model({"get": "performance"}), name="model-performance"),
    path(f"{_one}feature_importance/", _model({"get": "feature_importance"}), name="model-importance"),
    path(_versions, _version({"get": "list"}), name="version-list"),
    path(f"{_versions}<int:number>/", _version({"get": "retrieve"}), name="version-detail"),
    path(f"{_versions}<int:number>/promote/", _version({"post": "promote"}), name="version-promote"),
    path(f"{_versions}<int:number>/card/", _version({"get": "card"}), name="version-card"),
    path(
        f"{_versions}<int:number>/artifacts/",
        _version({"get": "artifacts"}, pagination_class=None),
        name="version-artifacts",
    ),
    path(f"{_versions}<int:number>/artifacts/<path:path>", _version({"get": "artifact"}), name="version-artifact"),
]
