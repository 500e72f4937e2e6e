"""Routes of retraining."""

from django.urls import path

from apps.retraining.api.views import DecisionViewSet, PolicyViewSet

_policy = PolicyViewSet.as_view
_one = "models/<uuid:pk>/retraining_policy/"

urlpatterns = [
    path(_one, _policy({"get": "retrieve", "put": "update"}), name="policy-detail"),
    path(f"{_one}evaluate/", _policy({"post": "evaluate"}), name="policy-evaluate"),
    path(f"{_one}retrain/", _policy({"post": "retrain"}), name="policy-retrain"),
    path("models/<uuid:model_id>/retraining_decisions/", DecisionViewSet.as_view({"get": "list"}), name="decision-list"),
]
