"""Every route: the API, the pages, the admin, health."""

from django.contrib import admin
from django.urls import include, path

api_v1 = [
    path("", include("apps.workspaces.api.urls")),
    path("", include("apps.algorithms.api.urls")),
    path("", include("apps.alerts.api.urls")),
    path("", include("apps.datasets.api.urls")),
    path("", include("apps.dashboard.api.urls")),  # before registry: models/dashboard/ is no model id
    path("", include("apps.training.api.urls")),
    path("", include("apps.predictions.api.urls")),
    path("", include("apps.detections.api.urls")),
    path("", include("apps.feedback.api.urls")),
    path("", include("apps.monitoring.api.urls")),
    path("", include("apps.retraining.api.urls")),
    path("", include("apps.privacy.api.urls")),
    path("", include("apps.registry.api.urls")),
    path("", include("apps.core.api.urls")),
]

handler400 = "apps.core.api.errors.bad_request"
handler403 = "apps.core.api.errors.forbidden"
handler404 = "apps.core.api.errors.not_found"
handler500 = "apps.core.api.errors.server_error"

urlpatterns = [
    path("api/v1/", include(api_v1)),
    path("v2/", include("apps.predictions.api.v2_urls")),
    path("", include("apps.core.api.health_urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include("apps.dashboard.urls")),
]
