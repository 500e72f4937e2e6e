"""Routes of predictions."""

from django.urls import path

from apps.predictions.api.views import BatchViewSet, ModelPredictionViewSet, PredictionViewSet

_model = ModelPredictionViewSet.as_view
_one = "models/<uuid:pk>/"

urlpatterns = [
    path(f"{_one}predict/", _model({"post": "predict"}), name="model-predict"),
    path(f"{_one}invocations/", _model({"post": "invocations"}), name="model-invocations"),
    path(f"{_one}explain/", _model({"post": "explain"}), name="model-explain"),
    path(f"{_one}batch_predictions/", _model({"post": "start_batch"}), name="model-batch"),
    path("predictions/<str:pk>/", PredictionViewSet.as_view({"get": "retrieve"}), name="prediction-detail"),
    path("batch_predictions/", BatchViewSet.as_view({"get": "list"}), name="batch-list"),
    path("batch_predictions/<uuid:pk>/", BatchViewSet.as_view({"get": "retrieve"}), name="batch-detail"),
    path("batch_predictions/<uuid:pk>/download/", BatchViewSet.as_view({"get": "download"}), name="batch-download"),
]
