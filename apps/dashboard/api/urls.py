"""Routes of the dashboard's figures."""

from django.urls import path

from apps.dashboard.api.system import SystemViewSet
from apps.dashboard.api.views import DashboardViewSet, IndexViewSet

urlpatterns = [
    path("", IndexViewSet.as_view({"get": "retrieve"}), name="index"),
    path("system/", SystemViewSet.as_view({"get": "retrieve"}), name="system"),
    path("models/dashboard/", DashboardViewSet.as_view({"get": "retrieve"}), name="model-dashboard"),
]
