"""Routes for those who watch the platform."""

from django.urls import path

from apps.core.api.metrics import MetricsView
from apps.core.api.views import AliveView, ReadyView

urlpatterns = [
    path("healthz", AliveView.as_view(), name="healthz"),
    path("readyz", ReadyView.as_view(), name="readyz"),
    path("metrics", MetricsView.as_view(), name="metrics"),
]
