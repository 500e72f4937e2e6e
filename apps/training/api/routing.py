"""WebSocket routes of training."""

from django.urls import path

from apps.training.api.consumers import CampaignConsumer

websocket_urlpatterns = [path("ws/campaigns/<uuid:pk>/", CampaignConsumer.as_asgi())]
