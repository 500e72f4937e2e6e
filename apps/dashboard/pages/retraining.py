"""The page that trains a model again."""

from uuid import UUID

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core.errors import InvalidInput, PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.models import find_model, show_model
from apps.datasets.selectors import datasets_of, latest_ready_version
from apps.training.actions import start_campaign


@require_POST
@page
def train(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Train a model again."""
    model = find_model(visit, pk)
    visit.require(Act.TRAIN, model.workspace_id)
    datasets = datasets_of([model.workspace_id])
    dataset = next((d for d in datasets if str(d.pk) == visit.request.POST.get("dataset")), None)
    version = latest_ready_version(dataset) if dataset else None
    try:
        if version is None:
            raise InvalidInput(_("Choose a data set first."))
        campaign = start_campaign(model=model, dataset_version=version, actor=visit.access.actor)
    except PlatformError as error:
        return show_model(visit, model, error.status, fault=error.detail)
    return redirect("dashboard:campaign", pk=campaign.pk)
