"""Privacy of a workspace: how long things are kept, and what there is of one person. For owners."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import checked, page_of
from apps.privacy.actions import request_count, request_erasure, request_export, set_retention
from apps.privacy.api.serializers import ErasureSerializer, RetentionSerializer
from apps.privacy.models import RetentionPolicy, SubjectRequest
from apps.privacy.selectors import erased_at, is_used_up, longest_days
from apps.workspaces.models import Workspace

_DAYS = {
    "prediction_days": gettext_lazy("Predictions"),
    "feedback_days": gettext_lazy("Verdicts and labels"),
    "sample_days": gettext_lazy("Samples"),
}
_PLACES = {
    "dataset_rows": gettext_lazy("rows of data sets"),
    "dataset_versions": gettext_lazy("data set versions"),
    "batch_rows": gettext_lazy("rows of batch results"),
    "batches": gettext_lazy("batch results"),
    "predictions": gettext_lazy("Predictions"),
    "detections": gettext_lazy("Detections"),
    "feedback": gettext_lazy("Verdicts and labels"),
    "samples": gettext_lazy("Samples"),
    "exports": gettext_lazy("exports"),
    "refused_uploads": gettext_lazy("refused uploads"),
    "unsearched_datasets": gettext_lazy("data sets not searched"),
    "answers": gettext_lazy("kept answers"),
}
_KINDS = {
    SubjectRequest.Kind.COUNT: gettext_lazy("Count"),
    SubjectRequest.Kind.EXPORT: gettext_lazy("Export"),
    SubjectRequest.Kind.ERASE: gettext_lazy("Erase"),
}


@page
def privacy(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show it; a POST sets the days, or asks for a count, an export or an erasure."""
    if pk not in visit.access.workspace_ids:
        raise Http404
    visit.turn_to(pk)
    visit.require(Act.ADMINISTER, pk)
    workspace = Workspace.objects.get(pk=pk)
    if visit.request.method == "POST":
        with visit.showing_refusals():
            messages.success(visit.request, _done(visit, workspace, visit.request.POST))
        return redirect("dashboard:privacy", pk=pk)
    asked = page_of(visit, SubjectRequest.objects.filter(workspace=workspace).order_by("-created_at", "pk"))
    own, longest = RetentionPolicy.objects.filter(pk=pk).first(), longest_days()
    limits = (longest.predictions, longest.feedback, longest.samples)
    days = [
        {"name": name, "title": title, "value": getattr(own, name, None), "most": most}
        for (name, title), most in zip(_DAYS.items(), limits, strict=True)
    ]
    erased = erased_at(pk, {one.subject for one in asked})
    return visit.render("privacy.html", days=days, shown=asked, requests=[_told(one, erased) for one in asked])


def _done(visit: Visit, workspace: Workspace, posted: QueryDict) -> str:
    """Do what the form asks for; return what to say."""
    what, actor = posted.get("what", ""), visit.access.actor
    if what == "retention":
        given = {name: posted.get(name) or None for name in _DAYS}
        set_retention(workspace=workspace, days=checked(RetentionSerializer(data=given)), actor=actor)
        return _("The days were set.")
    form = {"subject": posted.get("subject", ""), "counted": posted.get("counted") or None}
    asked = checked(ErasureSerializer(data=form))
    if what == "erase":
        request_erasure(workspace=workspace, subject=asked["subject"], counted=asked["counted"], actor=actor)
    else:
        verb = request_export if what == "export" else request_count
        verb(workspace=workspace, subject=asked["subject"], actor=actor)
    return _("It was asked for. Load this page again in a moment.")


def _told(one: SubjectRequest, erased: Mapping[str, datetime]) -> dict[str, Any]:
    counts = [(title, one.counts[name]) for name, title in _PLACES.items() if one.counts.get(name)]
    is_there = any(number for name, number in one.counts.items() if name != "unsearched_datasets")
    is_done = one.status == SubjectRequest.Status.COMPLETED
    erasable = one.kind == SubjectRequest.Kind.COUNT and is_done and is_there and not is_used_up(one, erased)
    return {
        "of": one,
        "kind": _KINDS[SubjectRequest.Kind(one.kind)],
        "counts": counts,
        "is_done": is_done,
        "erasable": erasable,
    }
