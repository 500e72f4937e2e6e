"""A version, live or not: how good, made of what, when live; and two versions side by side."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect

from apps.dashboard.comparing import compared_scores, kept_the_same_rows_apart
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.drawings import confusion_of, drawings_of, overlays_of
from apps.dashboard.pages.models import find_model_or_its_record
from apps.dashboard.pages.reports import report_of
from apps.dashboard.pages.trials import found_of
from apps.dashboard.selectors import named_parameters, scores_of
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import champion_of, learned_and_erased
from apps.training.models import TrainingCampaign

_SHOWN_FEATURES = 30
_OFFERED = 50


@page
def version_detail(visit: Visit, pk: UUID, number: int) -> HttpResponseBase:
    """Show one version, beside its baseline and beside the live one."""
    model = find_model_or_its_record(visit, pk)
    version = _version(model, number)
    champion = champion_of(model)
    is_live = champion == version and model.archived_at is None
    ranked = version.importance.get("features", [])[:_SHOWN_FEATURES]
    return visit.render(
        "version.html",
        model=model,
        version=version,
        champion=champion,
        is_live=is_live,
        may_go_live=not is_live and model.archived_at is None and version.files_removed_at is None,
        scores=scores_of(version),
        report=report_of(version),
        beside={row.code: row for row in compared_scores(version, champion)} if champion and not is_live else {},
        same_rows=champion is not None and kept_the_same_rows_apart(champion, version),
        evaluation=version.evaluation,
        erased=learned_and_erased(version),
        ranked=ranked,
        strongest=max((feature["importance"] for feature in ranked), default=0),
        parameters=named_parameters(version.algorithm, version.parameters),
        reads=[column["name"] for column in version.schema["columns"]],
        left_out=_left_out(version),
        drawings=drawings_of(version),
        confusion=confusion_of(version),
        found=found_of(version),
        history=version.aliases.select_related("set_by").order_by("since", "pk"),
        campaign=TrainingCampaign.objects.filter(pk=version.campaign_id).first(),
    )


def _left_out(version: ModelVersion) -> list[str]:
    """Return the columns of its data that a version does not read, as they stand in the file."""
    read = {column["name"] for column in version.schema["columns"]} | {version.schema.get("target")}
    return [column["name"] for column in version.dataset_version.columns if column["name"] not in read]


@page
def compare_versions(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show two versions side by side (`?first=`, `?second=`): the live one and the newest other unless told otherwise."""
    model = find_model_or_its_record(visit, pk)
    numbers = list(model.versions.order_by("-number").values_list("number", flat=True)[:_OFFERED])
    if len(numbers) < 2:
        return redirect("dashboard:model", pk=pk)
    champion = champion_of(model)
    first, second = _asked(visit, "first"), _asked(visit, "second")
    if first is None:
        first = champion.number if champion else numbers[-1]
    if second is None or second == first:
        second = next(number for number in numbers if number != first)
    one, other = _version(model, first), _version(model, second)
    scores = compared_scores(one, other)
    return visit.render(
        "compare.html",
        model=model,
        first=one,
        second=other,
        champion=champion,
        numbers=sorted({*numbers, first, second}, reverse=True),
        scores=scores,
        unknown=any(score.verdict == "unknown" for score in scores),
        same_rows=kept_the_same_rows_apart(one, other),
        made_of=_made_of(one, other),
        overlays=overlays_of(one, other),
        both=(one, other),
        confusions=[{"version_name": f"v{v.number}", "table": table} for v in (one, other) if (table := confusion_of(v))],
    )


def _made_of(first: ModelVersion, second: ModelVersion) -> list[dict[str, Any]]:
    """Return the settings of two versions by name, and whether they differ."""
    one, other = (dict(named_parameters(v.algorithm, v.parameters)) for v in (first, second))
    names = dict.fromkeys([*one, *other])
    return [
        {"name": name, "first": one.get(name), "second": other.get(name), "differs": one.get(name) != other.get(name)}
        for name in names
    ]


def _asked(visit: Visit, name: str) -> int | None:
    text = visit.request.GET.get(name, "")
    if text and not (text.isdecimal() and len(text) < 9):
        raise Http404
    return int(text) if text else None


def _version(model: RegisteredModel, number: int) -> ModelVersion:
    versions = ModelVersion.objects.select_related("dataset_version__dataset", "created_by")
    found: ModelVersion | None = versions.filter(model=model, number=number).first()
    if found is None:
        raise Http404
    return found
