"""Routes of datasets."""

from django.urls import path

from apps.datasets.api.views import DatasetViewSet

_list = DatasetViewSet.as_view({"get": "list", "post": "create"})
_detail = DatasetViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"})

urlpatterns = [
    path("datasets/", _list, name="dataset-list"),
    path("datasets/<uuid:pk>/", _detail, name="dataset-detail"),
    path(
        "datasets/<uuid:pk>/versions/",
        DatasetViewSet.as_view({"get": "versions", "post": "new_version"}),
        name="dataset-versions",
    ),
    path("datasets/<uuid:pk>/preview/", DatasetViewSet.as_view({"get": "preview"}), name="dataset-preview"),
    path("datasets/<uuid:pk>/download/", DatasetViewSet.as_view({"get": "download"}), name="dataset-download"),
]
