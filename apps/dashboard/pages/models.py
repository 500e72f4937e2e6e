"""Models: the form that makes one, and the page of one."""

import math
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.algorithms import catalog
from apps.algorithms.schema import ColumnKind
from apps.core.errors import Conflict, InvalidInput, PlatformError, Problem
from apps.core.permissions import Act
from apps.dashboard import charts
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.selectors import model_rows, scores_of
from apps.dashboard.words import TASKS
from apps.datasets.models import Dataset
from apps.datasets.selectors import datasets_of, latest_ready_version
from apps.predictions import actions as predictions
from apps.registry.actions import create_model, promote_version, rollback_model
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import champion_of, models_of, reasons_to_retrain
from apps.training.actions import start_campaign
from apps.training.selectors import campaigns_of

_RECENT = 8
_NUMBERS = {ColumnKind.INTEGER, ColumnKind.NUMBER}
_INPUTS = {
    ColumnKind.INTEGER: "number",
    ColumnKind.NUMBER: "number",
    ColumnKind.DATE: "date",
    ColumnKind.DATETIME: "datetime-local",
}


@page
def model_list(visit: Visit) -> HttpResponseBase:
    """Show the models of the workspace."""
    return visit.render("models.html", rows=model_rows(visit.workspace_ids))


@page
def new_model(visit: Visit) -> HttpResponseBase:
    """Ask what is to be predicted; start the first training."""
    if visit.workspace is None:
        raise Http404
    visit.require(Act.TRAIN, visit.workspace.pk)
    datasets = [d for d in datasets_of([visit.workspace.pk]) if latest_ready_version(d)]
    given = visit.request.POST if visit.request.method == "POST" else visit.request.GET
    dataset = next((d for d in datasets if str(d.pk) == given.get("dataset")), datasets[0] if datasets else None)
    version = latest_ready_version(dataset) if dataset else None
    problems: list[Problem] = []
    fault = ""
    if visit.request.method == "POST" and dataset is not None and "start" in given:
        try:
            return redirect("dashboard:campaign", pk=_start(visit, dataset, given))
        except PlatformError as error:
            fault, problems = error.detail, error.problems
    return visit.render(
        "new_model.html",
        422 if fault else 200,
        datasets=datasets,
        dataset=dataset,
        columns=version.columns if version else [],
        services=[_service_choice(service, given) for service in catalog.entries()],
        tasks=TASKS,
        given=given,
        fault=fault,
        problems=problems,
        name=given.get("name") or (_("Model of {name}").format(name=dataset.name) if dataset else ""),
    )


def _service_choice(service: Any, given: QueryDict) -> dict[str, Any]:
    fields = []
    for parameter in service.hyperparameters:
        value = given.get(f"{service.slug}.{parameter.name}", parameter.default)
        fields.append({"parameter": parameter, "value": "" if value is None else value})
    return {"service": service, "tasks": " ".join(service.tasks), "fields": fields}


def _start(visit: Visit, dataset: Dataset, given: QueryDict) -> UUID:
    service = catalog.get(given.get("algorithm", ""))
    task = given.get("task") or str(service.tasks[0])
    if task not in [str(known) for known in service.tasks]:
        task = str(service.tasks[0]) if len(service.tasks) == 1 else task
    version = latest_ready_version(dataset)
    if version is None or visit.workspace is None:
        raise Conflict(_("The data set has no version that is ready."))
    target = given.get("target", "")
    left_out = set(given.getlist("left_out"))
    names = [column["name"] for column in version.columns]
    features = [name for name in names if name not in left_out and name != target] if left_out else []
    if left_out and not features:
        raise InvalidInput(_("Every column is left out: leave at least one to learn from."))
    with transaction.atomic():  # a training that cannot start leaves no model behind
        model = create_model(
            workspace=visit.workspace,
            actor=visit.access.actor,
            name=given.get("name", "").strip()[:200] or dataset.name,
            description=given.get("description", "")[:4000],
            algorithm=service.slug,
            task=task,
            target=target,
            features=features,
            parameters=_parameters(service, given),
        )
        return start_campaign(model=model, dataset_version=version, actor=visit.access.actor).pk


def _parameters(service: Any, given: QueryDict) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for parameter in service.hyperparameters:
        text = given.get(f"{service.slug}.{parameter.name}")
        if text is None:
            continue
        chosen[parameter.name] = _parsed(parameter.kind, text.strip())
    return chosen


def _parsed(kind: str, text: str) -> Any:
    if text == "":
        return None
    try:
        return {"integer": int, "number": float}.get(kind, str)(text.replace(",", ".") if kind == "number" else text)
    except ValueError:
        return text


@page
def model_detail(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show one model."""
    return _show(visit, _find(visit, pk))


def _show(visit: Visit, model: RegisteredModel, status: int = 200, **more: Any) -> HttpResponseBase:
    champion = champion_of(model)
    ranked = champion.importance.get("features", [])[:12] if champion else []
    return visit.render(
        "model.html",
        status,
        model=model,
        champion=champion,
        service=catalog.get(model.algorithm),
        scores=scores_of(champion) if champion else [],
        ranked=ranked,
        strongest=max((f["importance"] for f in ranked), default=0),
        evaluation=champion.evaluation if champion else {},
        drawings=_drawings(champion) if champion else [],
        confusion=_confusion(champion) if champion else [],
        versions=_version_rows(model),
        campaigns=campaigns_of([model.workspace_id]).filter(model=model)[:_RECENT],
        datasets=[d for d in datasets_of([model.workspace_id]) if latest_ready_version(d)],
        reasons=reasons_to_retrain(model),
        fields=_fields(champion) if champion else [],
        **more,
    )


def _version_rows(model: RegisteredModel) -> list[dict[str, Any]]:
    rows = []
    for version in (
        model.versions.prefetch_related("aliases").select_related("dataset_version__dataset").order_by("-number")[:50]
    ):
        names = [alias.get_name_display() for alias in version.aliases.all() if alias.until is None]
        scores = scores_of(version)
        live = any(alias.name == "champion" and alias.until is None for alias in version.aliases.all())
        rows.append({"version": version, "aliases": names, "score": scores[0] if scores else None, "is_champion": live})
    return rows


def _drawings(version: ModelVersion) -> list[dict[str, Any]]:
    curves = version.evaluation.get("curves", {})
    drawn = []
    if bins := curves.get("calibration"):
        points = [(b["predicted"], b["observed"]) for b in bins]
        chart = charts.line(points, title=_("Calibration"), x_label=_("predicted"), y_label=_("observed"))
        text = _(
            "Of the rows given a chance of 70 %, about 70 % should turn out so: the closer to the dashed line, the better."
        )
        drawn.append({"title": _("Calibration"), "chart": chart, "text": text})
    if points := curves.get("roc"):
        chart = charts.line(points, title=_("ROC curve"), x_label=_("false alarms"), y_label=_("hits"))
        text = _("Hits against false alarms as the threshold falls; the dashed line is guessing.")
        drawn.append({"title": _("ROC curve"), "chart": chart, "text": text})
    if points := curves.get("predicted_observed"):
        chart = charts.scatter(points, title=_("Predicted and observed"), x_label=_("predicted"), y_label=_("observed"))
        text = _("Each dot is a row kept apart; on the dashed line the prediction is exact.")
        drawn.append({"title": _("Predicted and observed"), "chart": chart, "text": text})
    return drawn


def _confusion(version: ModelVersion) -> list[tuple[str, list[int]]]:
    table = version.evaluation.get("curves", {}).get("confusion")
    return list(zip(table["labels"], table["counts"], strict=True)) if table else []


def _fields(version: ModelVersion) -> list[dict[str, Any]]:
    """Return the try-it form: an input a column, filled with a row of the data it learned from."""
    data = version.dataset_version
    profile = {column["name"]: column for column in data.columns}
    example = data.preview[0] if data.preview else {}
    fields = []
    for column in version.schema["columns"]:
        name, kind = column["name"], ColumnKind(column["kind"])
        options = [item["value"] for item in profile.get(name, {}).get("top", [])] if kind not in _NUMBERS else []
        fields.append(
            {
                "name": name,
                "kind": kind,
                "input": _INPUTS.get(kind, "text"),
                "value": "" if example.get(name) is None else example[name],
                "options": options,
                "is_choice": kind == ColumnKind.BOOLEAN,
            }
        )
    return fields


@require_POST
@page
def try_model(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Answer the try-it form, with the reasons."""
    model = _find(visit, pk)
    visit.require(Act.PREDICT, model.workspace_id)
    champion = champion_of(model)
    if champion is None:
        raise Http404
    fields = _fields(champion)
    for field in fields:
        field["value"] = visit.request.POST.get(f"row.{field['name']}", "").replace("\0", "")
    row = {field["name"]: _typed(field["kind"], field["value"]) for field in fields}
    try:
        loaded = predictions.predictor_of(champion.pk)
        done = predictions.predict_with(loaded, model_id=model.pk, rows=[row], actor=visit.access.actor)
        explanations, _answers = predictions.explain_with(loaded, [row])
    except PlatformError as error:
        return visit.render("_answer.html", fault=error.detail, problems=error.problems)
    explained = explanations[0]
    parts = sorted(explained.contributions.items(), key=lambda item: -abs(item[1]))[:10]
    return visit.render(
        "_answer.html",
        model=model,
        value=done.predictions[0],
        details=done.details[0],
        version_number=done.version,
        explained=explained,
        parts=[{"name": name, "value": row[name], "size": size} for name, size in parts],
        largest=max((abs(size) for _name, size in parts), default=0),
    )


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
    return text


@require_POST
@page
def train(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Train a model again."""
    model = _find(visit, pk)
    visit.require(Act.TRAIN, model.workspace_id)
    datasets = datasets_of([model.workspace_id])
    dataset = next((d for d in datasets if str(d.pk) == visit.request.POST.get("dataset")), None)
    version = latest_ready_version(dataset) if dataset else None
    try:
        if version is None:
            raise InvalidInput(_("Choose a data set first."))
        campaign = start_campaign(model=model, dataset_version=version, actor=visit.access.actor)
    except PlatformError as error:
        return _show(visit, model, error.status, fault=error.detail)
    return redirect("dashboard:campaign", pk=campaign.pk)


@require_POST
@page
def promote(visit: Visit, pk: UUID, number: int) -> HttpResponseBase:
    """Make a version the champion."""
    model = _find(visit, pk)
    visit.require(Act.PROMOTE, model.workspace_id)
    version = model.versions.filter(number=number).first()
    if version is None:
        raise Http404
    try:
        promote_version(version=version, actor=visit.access.actor, reason=visit.request.POST.get("reason", ""))
        messages.success(visit.request, _("Version {number} is live now.").format(number=number))
    except PlatformError as error:
        messages.error(visit.request, error.detail)
    return redirect("dashboard:model", pk=pk)


@require_POST
@page
def rollback(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Go back to the champion before."""
    model = _find(visit, pk)
    visit.require(Act.PROMOTE, model.workspace_id)
    try:
        alias = rollback_model(model=model, actor=visit.access.actor, reason=visit.request.POST.get("reason", ""))
        messages.success(visit.request, _("Version {number} is live again.").format(number=alias.version.number))
    except PlatformError as error:
        messages.error(visit.request, error.detail)
    return redirect("dashboard:model", pk=pk)


def _find(visit: Visit, pk: UUID) -> RegisteredModel:
    model = models_of(visit.access.workspace_ids).filter(pk=pk).first()
    if model is None:
        raise Http404
    visit.turn_to(model.workspace_id)
    return model
