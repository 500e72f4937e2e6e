"""Taking models and data sets out of sight, and refused uploads away."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.datasets import find_dataset
from apps.dashboard.pages.models import find_model
from apps.datasets import actions as datasets
from apps.datasets.selectors import latest_version
from apps.registry import actions as registry


@require_POST
@page
def archive_model(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Archive a model and show what stays of it."""
    model = find_model(visit, pk)
    visit.require(Act.ADMINISTER, model.workspace_id)
    with visit.showing_refusals():
        registry.archive_model(model=model, actor=visit.access.actor)
        messages.success(visit.request, _("{name} is archived.").format(name=model.name))
    return redirect("dashboard:model", pk=pk)


@require_POST
@page
def archive_dataset(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Archive a data set."""
    dataset = find_dataset(visit, pk)
    visit.require(Act.ADMINISTER, dataset.workspace_id)
    with visit.showing_refusals():
        datasets.archive_dataset(dataset=dataset, actor=visit.access.actor)
        messages.success(visit.request, _("{name} is archived.").format(name=dataset.name))
    return redirect("dashboard:datasets")


@require_POST
@page
def discard_upload(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Remove the newest upload of a data set, which was refused."""
    dataset = find_dataset(visit, pk)
    visit.require(Act.TRAIN, dataset.workspace_id)
    version = latest_version(dataset)
    if version is None:
        raise Http404
    is_left = True
    with visit.showing_refusals():
        is_left = datasets.discard_refused(version=version, actor=visit.access.actor)
        messages.success(visit.request, _("The refused upload is removed."))
    return redirect("dashboard:dataset", pk=pk) if is_left else redirect("dashboard:datasets")
