"""Routes of retraining."""

from django.urls import path

from apps.retraining.api.views import DecisionViewSet, GateReportViewSet, PolicyViewSet, StartGateViewSet, TrafficViewSet

_policy = PolicyViewSet.as_view
_judged = GateReportViewSet.as_view
_one = "models/<uuid:pk>/retraining_policy/"

urlpatterns = [
    path(_one, _policy({"get": "retrieve", "put": "update"}), name="policy-detail"),
    path(f"{_one}evaluate/", _policy({"post": "evaluate"}), name="policy-evaluate"),
    path(f"{_one}retrain/", _policy({"post": "retrain"}), name="policy-retrain"),
    path("models/<uuid:model_id>/retraining_decisions/", DecisionViewSet.as_view({"get": "list"}), name="decision-list"),
    path("models/<uuid:pk>/judge_challenger/", StartGateViewSet.as_view({"post": "judge"}), name="gate-judge"),
    path("models/<uuid:model_id>/gate_reports/", _judged({"get": "list"}), name="gate-list"),
    path("models/<uuid:model_id>/gate_reports/<uuid:pk>/", _judged({"get": "retrieve"}), name="gate-detail"),
    path("models/<uuid:model_id>/gate_reports/<uuid:pk>/approve/", _judged({"post": "approve"}), name="gate-approve"),
    path("models/<uuid:model_id>/gate_reports/<uuid:pk>/decline/", _judged({"post": "decline"}), name="gate-decline"),
    path("models/<uuid:model_id>/traffic/", TrafficViewSet.as_view({"get": "list", "post": "start"}), name="traffic-list"),
    path("models/<uuid:model_id>/traffic/<uuid:pk>/end/", TrafficViewSet.as_view({"post": "end"}), name="traffic-end"),
]
