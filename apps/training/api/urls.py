"""Routes of training."""

from django.urls import path

from apps.training.api.views import CampaignViewSet, TrainViewSet

_campaign = CampaignViewSet.as_view
_one = "campaigns/<uuid:pk>/"

urlpatterns = [
    path("models/<uuid:pk>/train/", TrainViewSet.as_view({"post": "train"}), name="model-train"),
    path("campaigns/", _campaign({"get": "list"}), name="campaign-list"),
    path(_one, _campaign({"get": "retrieve"}), name="campaign-detail"),
    path(f"{_one}cancel/", _campaign({"post": "cancel"}), name="campaign-cancel"),
    path(f"{_one}trials/", _campaign({"get": "trials"}), name="campaign-trials"),
    path(f"{_one}events/", _campaign({"get": "events"}), name="campaign-events"),
]
