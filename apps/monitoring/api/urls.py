"""Routes of monitoring."""

from django.urls import path

from apps.monitoring.api.views import DriftViewSet, StartDriftViewSet

_start = StartDriftViewSet.as_view
_drift = DriftViewSet.as_view

urlpatterns = [
    path("models/detect_drift/", _start({"post": "check_every"}), name="drift-check-every"),
    path("models/<uuid:pk>/detect_drift/", _start({"post": "check_one"}), name="drift-check"),
    path("models/<uuid:model_id>/drift/", _drift({"get": "list"}), name="drift-list"),
    path("models/<uuid:model_id>/drift/<uuid:pk>/", _drift({"get": "retrieve"}), name="drift-detail"),
]
