"""Routes of alerts."""

from django.urls import path

from apps.alerts.api.views import AlertViewSet, ChannelViewSet

_alerts = AlertViewSet.as_view
_channels = ChannelViewSet.as_view

urlpatterns = [
    path("alerts/", _alerts({"get": "list"}), name="alert-list"),
    path("alerts/<uuid:pk>/", _alerts({"get": "retrieve"}), name="alert-detail"),
    path("alerts/<uuid:pk>/acknowledge/", _alerts({"post": "acknowledge"}), name="alert-acknowledge"),
    path("channels/", _channels({"get": "list", "post": "create"}), name="channel-list"),
    path(
        "channels/<uuid:pk>/",
        _channels({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="channel-detail",
    ),
    path("channels/<uuid:pk>/test/", _channels({"post": "test"}), name="channel-test"),
]
