"""Routes of detections."""

from django.urls import path

from apps.detections.api.views import DetectionViewSet, OfModelViewSet, SuppressionViewSet

_detections = DetectionViewSet.as_view
_of_model = OfModelViewSet.as_view
_suppressions = SuppressionViewSet.as_view
_rules = "models/<uuid:model_id>/suppression_rules/"

urlpatterns = [
    path("detections/", _detections({"get": "list"}), name="detection-list"),
    path("detections/recent/", _detections({"get": "recent"}), name="detection-recent"),
    path("detections/next/", _detections({"get": "next"}), name="detection-next"),
    path("detections/review/", _detections({"post": "review"}), name="detection-review"),
    path(
        "detections/<uuid:pk>/",
        _detections({"get": "retrieve", "patch": "partial_update"}),
        name="detection-detail",
    ),
    path("models/<uuid:pk>/detection_statistics/", _of_model({"get": "statistics"}), name="detection-statistics"),
    path("models/<uuid:pk>/detection_rule/", _of_model({"get": "rule", "put": "set_rule"}), name="detection-rule"),
    path(_rules, _suppressions({"get": "list", "post": "create"}), name="suppression-list"),
    path(
        f"{_rules}<uuid:pk>/",
        _suppressions({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="suppression-detail",
    ),
]
