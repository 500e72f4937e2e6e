"""Routes of the menu of algorithms."""

from django.urls import path

from apps.algorithms.api.views import AlgorithmViewSet

urlpatterns = [
    path("algorithms/", AlgorithmViewSet.as_view({"get": "list"}), name="algorithm-list"),
    path("algorithms/<slug:name>/", AlgorithmViewSet.as_view({"get": "retrieve"}), name="algorithm-detail"),
]
