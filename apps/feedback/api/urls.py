"""Routes of feedback."""

from django.urls import path

from apps.feedback.api.views import FeedbackViewSet, LabelFileViewSet, SampleViewSet

_one = "models/<uuid:model_id>/feedback/"
_feedback = FeedbackViewSet.as_view
_files = LabelFileViewSet.as_view
_samples = SampleViewSet.as_view

urlpatterns = [
    path(_one, _feedback({"get": "list", "post": "create"}), name="feedback-list"),
    path(f"{_one}many/", _feedback({"post": "many"}), name="feedback-many"),
    path(f"{_one}summary/", _feedback({"get": "summary"}), name="feedback-summary"),
    path(f"{_one}suggestions/", _feedback({"get": "suggestions"}), name="feedback-suggestions"),
    path(f"{_one}file/", _files({"get": "list", "post": "create"}), name="label-file-list"),
    path(f"{_one}file/<uuid:pk>/", _files({"get": "retrieve"}), name="label-file-detail"),
    path(f"{_one}samples/", _samples({"get": "list", "post": "create"}), name="sample-list"),
    path(f"{_one}samples/<uuid:pk>/", _samples({"delete": "destroy"}), name="sample-detail"),
    path(f"{_one}samples/<uuid:pk>/download/", _samples({"get": "download"}), name="sample-download"),
]
