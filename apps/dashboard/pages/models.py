"""Models: the list, and the page of one."""

import math
import re
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.algorithms.predictors.rows import epoch_seconds
from apps.algorithms.schema import ColumnKind, Task
from apps.core.errors import InvalidInput, PlatformError
from apps.core.permissions import Act
from apps.dashboard.figures import day, iso_of
from apps.dashboard.pages.access import Visit, page, workspace_page
from apps.dashboard.pages.drawings import confusion_of, drawings_of
from apps.dashboard.pages.forecasts import next_of
from apps.dashboard.pages.forms import checked, page_of
from apps.dashboard.pages.reports import report_of
from apps.dashboard.selectors import archived_models, campaign_rows, is_weak, model_rows, remarks_on, scores_of
from apps.predictions import actions as predictions
from apps.registry.actions import promote_version, rollback_model
from apps.registry.api.serializers import ReasonSerializer
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import champion_before, champion_of, models_of
from apps.training.models import TrainingCampaign

_RECENT = 8
_SHOWN_FIELDS = 24  # more are folded away
_OF_A_ROW = re.compile(r"^Row \d+: ")  # the form has one row: its columns are enough
_NUMBERS = {ColumnKind.INTEGER, ColumnKind.NUMBER}
_LONGEST_SHOWN = 60  # of what was typed
_DATES = {ColumnKind.DATE, ColumnKind.DATETIME}
_INPUTS = {
    ColumnKind.INTEGER: "number",
    ColumnKind.NUMBER: "number",
    ColumnKind.DATE: "date",
    ColumnKind.DATETIME: "datetime-local",
}


@workspace_page
def model_list(visit: Visit) -> HttpResponseBase:
    """Show the models of the workspace."""
    archived = None
    if "archived" in visit.request.GET:
        archived = page_of(visit, archived_models(visit.workspace_ids), "archived")
    shown = page_of(visit, models_of(visit.workspace_ids))
    return visit.render("models.html", rows=model_rows(shown), shown=shown, archived=archived)


@page
def model_detail(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show one model; what stays of it when it is archived."""
    model = find_model_or_its_record(visit, pk)
    if model.archived_at is None:
        return _show(visit, model)
    return visit.render("archived_model.html", model=model, **_past_of(visit, model))


def _show(visit: Visit, model: RegisteredModel) -> HttpResponseBase:
    champion = champion_of(model)
    is_forecast = model.task == Task.FORECAST
    fields = _what_matters_first(champion, _fields(champion)) if champion and not is_forecast else []
    ranked = champion.importance.get("features", [])[:12] if champion else []
    return visit.render(
        "model.html",
        model=model,
        champion=champion,
        scores=scores_of(champion) if champion else [],
        report=report_of(champion) if champion else {},
        ranked=ranked,
        strongest=max((f["importance"] for f in ranked), default=0),
        evaluation=champion.evaluation if champion else {},
        drawings=drawings_of(champion) if champion else [],
        confusion=confusion_of(champion) if champion else [],
        remarks=remarks_on(model),
        is_weak=champion is not None and is_weak(champion),
        before=champion_before(model.pk),
        failed=_last_failure(model),
        ahead=next_of(visit, champion) if champion and is_forecast else None,
        fields=fields[:_SHOWN_FIELDS],
        more_fields=fields[_SHOWN_FIELDS:],
        **_past_of(visit, model),
    )


def _last_failure(model: RegisteredModel) -> TrainingCampaign | None:
    """Return the newest campaign if it failed: one that has ended well since makes it history."""
    last: TrainingCampaign | None = model.campaigns.first()
    return last if last and last.status == TrainingCampaign.Status.FAILED else None


def _past_of(visit: Visit, model: RegisteredModel) -> dict[str, Any]:
    """Return a model's versions, a page of them, and its latest campaigns."""
    versions = model.versions.prefetch_related("aliases").select_related("dataset_version__dataset").order_by("-number")
    bulky = ("schema", "importance", "dataset_version__columns", "dataset_version__preview", "dataset_version__problems")
    shown = page_of(visit, versions.defer(*bulky))
    return {
        "versions": [_version_row(version) for version in shown],
        "shown_versions": shown,
        "has_several_versions": shown.paginator.count > 1,
        "campaigns": campaign_rows([model.workspace_id]).filter(model=model)[:_RECENT],
    }


def _version_row(version: ModelVersion) -> dict[str, Any]:
    aliases = [alias for alias in version.aliases.all() if alias.until is None]
    return {
        "version": version,
        "aliases": [alias.get_name_display() for alias in aliases],
        "score": next(iter(scores_of(version)), None),
        "is_champion": any(alias.name == Alias.Name.CHAMPION for alias in aliases),
        "is_weak": is_weak(version),
    }


def _fields(version: ModelVersion) -> list[dict[str, Any]]:
    """Return the try-it form: an input a column, filled with a row of the data it learned from."""
    data = version.dataset_version
    profile = {column["name"]: column for column in data.columns}
    example = data.preview[0] if data.preview else {}
    fields = []
    for place, column in enumerate(version.schema["columns"]):
        name, kind = column["name"], ColumnKind(column["kind"])
        options = [item["value"] for item in profile.get(name, {}).get("top", [])] if kind not in _NUMBERS else []
        fields.append(
            {
                "name": name,
                "place": place,
                "kind": kind,
                "input": _input(kind),
                "value": _filled(kind, example.get(name)),
                "options": options,
                "is_choice": kind == ColumnKind.BOOLEAN,
            }
        )
    return fields


def _what_matters_first(version: ModelVersion, fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the fields in the order of the data; when they are too many for it, what matters most first."""
    if len(fields) <= _SHOWN_FIELDS:
        return fields
    rank = {feature["name"]: place for place, feature in enumerate(version.importance.get("features", []))}
    return sorted(fields, key=lambda field: rank.get(field["name"], len(rank)))


def _input(kind: ColumnKind) -> str:
    """Return the type of a field; a browser's own field for dates follows the browser's language, not the page's."""
    return "text" if kind in _DATES and get_language() != "en" else _INPUTS.get(kind, "text")


def _filled(kind: ColumnKind, value: Any) -> Any:
    if value is None:
        return ""
    return day(str(value)) if kind in _DATES else value


@require_POST
@page
def try_model(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Answer the try-it form, with the reasons."""
    model = find_model(visit, pk)
    visit.require(Act.PREDICT, model.workspace_id)
    champion = champion_of(model)
    if champion is None or model.task == Task.FORECAST:
        raise Http404
    fields = _fields(champion)
    for field in fields:
        field["value"] = visit.request.POST.get(f"row.{field['name']}", "")
    row = {field["name"]: _typed(field["kind"], field["value"]) for field in fields}
    try:
        _refuse_nul(row)
        if faults := _misread(fields, row):
            return visit.render("_answer.html", faults=faults)
        loaded = predictions.predictor_of(champion.pk)
        done = predictions.predict_with(loaded, model_id=model.pk, rows=[row], actor=visit.access.actor)
        explanations, _answers = predictions.explain_with(loaded, [row])
    except PlatformError as error:
        faults = [problem.detail for problem in error.problems] or [error.detail]
        return visit.render("_answer.html", faults=[_OF_A_ROW.sub("", fault) for fault in faults])
    explained = explanations[0]
    parts = sorted(explained.contributions.items(), key=lambda item: -abs(item[1]))[:10]
    return visit.render(
        "_answer.html",
        model=model,
        value=done.predictions[0],
        details=done.details[0],
        version_number=done.version,
        prediction=done.prediction_ids[0],
        explained=explained,
        parts=[{"name": name, "value": row[name], "size": size} for name, size in parts],
        largest=max((abs(size) for _name, size in parts), default=0),
    )


def _misread(fields: list[dict[str, Any]], row: dict[str, Any]) -> list[str]:
    """Say which fields hold no number or no date that there is, in the words and with the order of days of who typed it."""
    found = []
    for field in fields:
        name, kind, value = field["name"], field["kind"], row[field["name"]]
        typed = field["value"] if len(field["value"]) <= _LONGEST_SHOWN else f"{field['value'][:_LONGEST_SHOWN]}…"
        if kind in _NUMBERS and isinstance(value, str):
            found.append(_("{name} takes a number, not “{typed}”.").format(name=name, typed=typed))
        elif kind in _DATES and value is not None and not _is_time(value):
            example = day("2026-01-31" if kind == ColumnKind.DATE else "2026-01-31T08:30")
            found.append(
                _("{name} takes a date such as {example}, not “{typed}”.").format(name=name, example=example, typed=typed)
            )
    return found


def _is_time(text: str) -> bool:
    try:
        epoch_seconds(text)
    except ValueError:
        return False
    return True


def _refuse_nul(row: dict[str, Any]) -> None:
    """Refuse what no database keeps and JSON of the API refuses."""
    for name, value in row.items():
        if isinstance(value, str) and "\0" in value:
            raise InvalidInput(_("{name} holds a NUL character. Remove it.").format(name=name))


def _typed(kind: ColumnKind, text: str) -> Any:
    text = text.strip()
    if text == "":
        return None
    if kind in _NUMBERS:
        try:
            number = float(text.replace(" ", "").replace("\u202f", "").replace("\u00a0", "").replace(",", "."))
        except ValueError:
            return text
        if not math.isfinite(number):
            return text
        return int(number) if kind == ColumnKind.INTEGER and number.is_integer() else number
    if kind == ColumnKind.BOOLEAN:
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind in _DATES:
        return iso_of(text)
    return text


@require_POST
@page
def promote(visit: Visit, pk: UUID, number: int) -> HttpResponseBase:
    """Make a version the champion."""
    model = find_model(visit, pk)
    visit.require(Act.PROMOTE, model.workspace_id)
    version = model.versions.filter(number=number).first()
    if version is None:
        raise Http404
    with visit.showing_refusals():
        promote_version(version=version, actor=visit.access.actor, **checked(ReasonSerializer(data=visit.request.POST)))
        messages.success(visit.request, _("Version {number} is live now.").format(number=number))
    return redirect("dashboard:model", pk=pk)


@require_POST
@page
def rollback(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Go back to the champion before."""
    model = find_model(visit, pk)
    visit.require(Act.PROMOTE, model.workspace_id)
    with visit.showing_refusals():
        reason = checked(ReasonSerializer(data=visit.request.POST))
        alias = rollback_model(model=model, actor=visit.access.actor, **reason)
        messages.success(visit.request, _("Version {number} is live again.").format(number=alias.version.number))
    return redirect("dashboard:model", pk=pk)


def find_model(visit: Visit, pk: UUID) -> RegisteredModel:
    """Return a model of the visitor's workspaces and look at its workspace, or raise 404."""
    model = models_of(visit.access.workspace_ids).filter(pk=pk).first()
    if model is None:
        raise Http404
    visit.turn_to(model.workspace_id)
    return model


def find_model_or_its_record(visit: Visit, pk: UUID) -> RegisteredModel:
    """Return a model as `find_model` does, or what stays of an archived one."""
    archived = archived_models(visit.access.workspace_ids).filter(pk=pk).first()
    if archived is None:
        return find_model(visit, pk)
    visit.turn_to(archived.workspace_id)
    return archived
