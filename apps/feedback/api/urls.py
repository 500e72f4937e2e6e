"""Routes of feedback."""

from django.urls import path

from apps.feedback.api.views import FeedbackViewSet

_one = "models/<uuid:model_id>/feedback/"
_feedback = FeedbackViewSet.as_view

urlpatterns = [
    path(_one, _feedback({"get": "list", "post": "create"}), name="feedback-list"),
    path(f"{_one}many/", _feedback({"post": "many"}), name="feedback-many"),
    path(f"{_one}summary/", _feedback({"get": "summary"}), name="feedback-summary"),
]
