"""Data sets: the list, the upload, what a file holds."""

from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core.errors import PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import checked
from apps.dashboard.selectors import archived_datasets
from apps.datasets.actions import register_upload
from apps.datasets.api.serializers import UploadSerializer
from apps.datasets.api.views import wait_for_check
from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.selectors import datasets_of, latest_version
from apps.registry.models import RegisteredModel


@page
def dataset_list(visit: Visit) -> HttpResponseBase:
    """Show the data sets of the workspace, and the upload."""
    rows = [(dataset, latest_version(dataset)) for dataset in datasets_of(visit.workspace_ids)]
    archived = archived_datasets(visit.workspace_ids) if "archived" in visit.request.GET else None
    return visit.render("datasets.html", rows=rows, archived=archived, most_bytes=settings.UPLOAD_MAX_BYTES)


@require_POST
@page
def upload(visit: Visit) -> HttpResponseBase:
    """Take a file and go to the page that shows how it was read."""
    if visit.workspace is None:
        raise Http404
    visit.require(Act.TRAIN, visit.workspace.pk)
    rows = [(dataset, latest_version(dataset)) for dataset in datasets_of(visit.workspace_ids)]
    file = visit.request.FILES.get("file")
    if file is None:
        return visit.render("datasets.html", 422, rows=rows, fault=_("Choose a file first."))
    try:
        given = {"workspace": visit.workspace.pk, "name": visit.request.POST.get("name", ""), "file": file}
        name = checked(UploadSerializer(data=given))["name"]
        version = register_upload(workspace=visit.workspace, dataset=None, name=name, upload=file, actor=visit.access.actor)
    except PlatformError as error:
        return visit.render("datasets.html", error.status, rows=rows, fault=error.detail)
    if version.upload_bytes <= settings.UPLOAD_WAIT_BYTES:
        wait_for_check(version)
    return redirect("dashboard:dataset", pk=version.dataset_id)


@page
def dataset_detail(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show what the newest version of a data set holds, also of an archived one."""
    dataset = archived_datasets(visit.access.workspace_ids).filter(pk=pk).first()
    if dataset is None:
        dataset = find_dataset(visit, pk)
    visit.turn_to(dataset.workspace_id)
    version = latest_version(dataset)
    models = RegisteredModel.objects.in_workspaces([dataset.workspace_id]).filter(
        archived_at=None, campaigns__dataset_version__dataset=dataset
    )
    return visit.render(
        "dataset.html",
        dataset=dataset,
        version=version,
        columns=version.columns if version else [],
        names=[column["name"] for column in version.columns] if version else [],
        preview=[list(row.values()) for row in version.preview[:12]] if version else [],
        models=models.distinct(),
        is_checking=version is not None and version.status == DatasetVersion.Status.CHECKING,
    )


def find_dataset(visit: Visit, pk: UUID) -> Dataset:
    """Return a data set of the visitor's workspaces and look at its workspace, or raise 404."""
    dataset = datasets_of(visit.access.workspace_ids, whole=True).filter(pk=pk).first()
    if dataset is None:
        raise Http404
    visit.turn_to(dataset.workspace_id)
    return dataset
