"""The form that makes a model and starts its first training."""

import math
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from apps.algorithms import catalog
from apps.core.errors import Conflict, InvalidInput, PlatformError, Problem
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import checked
from apps.dashboard.words import TASKS
from apps.datasets.models import Dataset
from apps.datasets.selectors import datasets_of, latest_ready_version
from apps.registry.actions import create_model
from apps.registry.api.serializers import ModelSerializer
from apps.training.actions import start_campaign


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
    wanted = {
        "workspace": visit.workspace.pk,
        "name": given.get("name", "").strip() or dataset.name,
        "description": given.get("description", ""),
        "algorithm": service.slug,
        "task": task,
        "target": target,
        "features": features,
        "parameters": _parameters(service, given),
    }
    fields = checked(ModelSerializer(data=wanted))
    del fields["workspace_id"]
    with transaction.atomic():  # a training that cannot start leaves no model behind
        model = create_model(workspace=visit.workspace, actor=visit.access.actor, **fields)
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
        value = {"integer": int, "number": float}.get(kind, str)(text.replace(",", ".") if kind == "number" else text)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value
