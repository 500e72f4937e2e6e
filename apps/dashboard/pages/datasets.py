"""Data sets: the list, the upload, what a file holds."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.core.errors import InvalidInput, PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page, workspace_page
from apps.dashboard.pages.forms import checked, page_of, turn_to_the_form_s_workspace
from apps.dashboard.selectors import dataset_rows
from apps.datasets.actions import declare_subject, register_upload
from apps.datasets.api.serializers import NewVersionSerializer, SubjectColumnSerializer, UploadSerializer
from apps.datasets.models import Dataset, DatasetVersion, Kind
from apps.datasets.selectors import datasets_of, latest_ready_version, latest_version, versions_of, wait_for_check
from apps.registry.models import RegisteredModel
from apps.training.models import TrainingCampaign
from apps.workspaces.models import Workspace

_COLUMNS_A_PAGE = 100
_MODELS = 25


@workspace_page
def dataset_list(visit: Visit) -> HttpResponseBase:
    """Show the data sets of the workspace, and the upload."""
    return _show_list(visit)


def _show_list(visit: Visit, status: int = 200, **more: Any) -> HttpResponseBase:
    shown = page_of(visit, datasets_of(visit.workspace_ids))
    archived = None
    if "archived" in visit.request.GET:
        archived = page_of(visit, datasets_of(visit.workspace_ids, archived=True).order_by("-archived_at", "pk"), "archived")
    given = {"rows": dataset_rows(shown), "shown": shown, "archived": archived, "most_bytes": settings.UPLOAD_MAX_BYTES}
    return visit.render("datasets.html", status, kinds=Kind.choices, **given, **more)


@require_POST
@page
def upload(visit: Visit) -> HttpResponseBase:
    """Take a file and go to the page that shows how it was read."""
    workspace_id = turn_to_the_form_s_workspace(visit)
    visit.require(Act.TRAIN, workspace_id)
    sent = visit.request.POST
    given = {"workspace": workspace_id, "name": sent.get("name", ""), "kind": sent.get("kind", "")}
    try:
        fields = checked(UploadSerializer(data={**given, "file": _file_in(visit)}))
        version = register_upload(
            workspace=Workspace.objects.get(pk=workspace_id),
            dataset=None,
            name=fields["name"],
            kind=fields["kind"],
            upload=fields["file"],
            actor=visit.access.actor,
        )
    except PlatformError as error:
        return _show_list(visit, error.status, fault=error.detail)
    return _show_once_checked(version)


@require_POST
@page
def new_version(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Take a file as the next version of a data set."""
    dataset = find_dataset(visit, pk)
    visit.require(Act.TRAIN, dataset.workspace_id)
    try:
        given = {"file": _file_in(visit), "kind": visit.request.POST.get("kind", "")}
        fields = checked(NewVersionSerializer(data=given))
        version = register_upload(
            workspace=dataset.workspace,
            dataset=dataset,
            kind=fields["kind"],
            upload=fields["file"],
            actor=visit.access.actor,
        )
    except PlatformError as error:
        messages.error(visit.request, error.detail)
        return redirect("dashboard:dataset", pk=pk)
    return _show_once_checked(version)


@require_POST
@page
def subject_column(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Take which column says whose data a row is."""
    dataset = find_dataset(visit, pk)
    visit.require(Act.TRAIN, dataset.workspace_id)
    with visit.showing_refusals():
        given = checked(SubjectColumnSerializer(data={"subject_column": visit.request.POST.get("subject_column")}))
        declare_subject(dataset=dataset, column=given["subject_column"], actor=visit.access.actor)
        messages.success(visit.request, _("It is noted whose data a row is. Trainings to come heed it."))
    return redirect("dashboard:dataset", pk=pk)


def _file_in(visit: Visit) -> Any:
    file = visit.request.FILES.get("file")
    if file is None:
        raise InvalidInput(_("Choose a file first."))
    return file


def _show_once_checked(version: DatasetVersion) -> HttpResponseBase:
    if version.upload_bytes <= settings.UPLOAD_WAIT_BYTES:
        wait_for_check(version)
    return redirect("dashboard:dataset", pk=version.dataset_id)


@page
def dataset_detail(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show what a version of a data set holds, the newest unless another is asked for; also of an archived one."""
    dataset = datasets_of(visit.access.workspace_ids, whole=True, archived=True).filter(pk=pk).first()
    if dataset is None:
        dataset = find_dataset(visit, pk)
    visit.turn_to(dataset.workspace_id)
    newest = latest_version(dataset)
    version = _asked_for(visit, dataset) or newest
    found = RegisteredModel.objects.in_workspaces([dataset.workspace_id]).filter(
        archived_at=None, pk__in=TrainingCampaign.objects.filter(dataset_version__dataset=dataset).values("model")
    )
    models = list(found[:_MODELS])
    columns = page_of(visit, version.columns if version else [], "columns", most=_COLUMNS_A_PAGE)
    names = [column["name"] for column in columns]
    return visit.render(
        "dataset.html",
        dataset=dataset,
        version=version,
        is_newest=version == newest,
        usable=latest_ready_version(dataset),
        versions=page_of(visit, versions_of(dataset)),
        columns=columns,
        series=version.reading.get("series") if version else None,
        kinds=Kind.choices,
        names=names,
        preview=[[row.get(name) for name in names] for row in version.preview[:12]] if version else [],
        models=models,
        more_models=found.count() - _MODELS if len(models) == _MODELS else 0,
        most_bytes=settings.UPLOAD_MAX_BYTES,
        is_checking=version is not None and version.status == DatasetVersion.Status.CHECKING,
    )


def _asked_for(visit: Visit, dataset: Dataset) -> DatasetVersion | None:
    number = visit.request.GET.get("version", "")
    if not number:
        return None
    is_number = number.isdecimal() and len(number) < 10
    found: DatasetVersion | None = dataset.versions.filter(number=int(number)).first() if is_number else None
    if found is None:
        raise Http404
    return found


def find_dataset(visit: Visit, pk: UUID) -> Dataset:
    """Return a data set of the visitor's workspaces and look at its workspace, or raise 404."""
    dataset = datasets_of(visit.access.workspace_ids, whole=True).filter(pk=pk).first()
    if dataset is None:
        raise Http404
    visit.turn_to(dataset.workspace_id)
    return dataset
