"""Routes of the Open Inference Protocol; it names them without a closing slash."""

from django.urls import path

from apps.predictions.api.v2_views import InferenceViewSet, LiveView, ServerReadyView, ServerView

urlpatterns = [
    path("", ServerView.as_view(), name="v2-server"),
    path("health/live", LiveView.as_view(), name="v2-live"),
    path("health/ready", ServerReadyView.as_view(), name="v2-ready"),
    path("models/<uuid:pk>", InferenceViewSet.as_view({"get": "metadata"}), name="v2-model"),
    path("models/<uuid:pk>/ready", InferenceViewSet.as_view({"get": "ready"}), name="v2-model-ready"),
    path("models/<uuid:pk>/infer", InferenceViewSet.as_view({"post": "infer"}), name="v2-infer"),
]
