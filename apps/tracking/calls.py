"""What is asked of an MLflow server (REST API 2.0); each may be asked twice and leaves one thing there."""

import json
from typing import Any

from apps.tracking.facts import CAMPAIGN_TAG, MODEL_TAG, Item, RunFacts, VersionOfModel
from apps.tracking.server import ALREADY_EXISTS, DOES_NOT_EXIST, Line, Refused

_MOST_PARAMS, _MOST_METRICS = 100, 1_000  # a request


def is_free(line: Line, *, experiment: str, registered: str, model_id: str) -> bool:
    """Say whether these names are not there, or ours."""
    found = [_experiment(line, experiment), _registered(line, registered)]
    return all(one is None or _tag(one, MODEL_TAG) == model_id for one in found)


def experiment_id(line: Line, name: str, tags: list[Item]) -> str:
    """Return the id of an experiment, made where there is none; raise `Refused` for one that somebody deleted."""
    found = _experiment(line, name)
    if found is None:
        try:
            return str(line.post("experiments/create", name=name, tags=tags)["experiment_id"])
        except Refused as error:
            found = _experiment(line, name) if error.code == ALREADY_EXISTS else None
            if found is None:
                raise
    if found.get("lifecycle_stage") == "deleted":
        raise Refused(f"Somebody deleted the experiment {name} on the MLflow server. Restore it there.")
    return str(found["experiment_id"])


def write_run(line: Line, experiment: str, campaign_id: str, facts: RunFacts) -> str:
    """Write a run as a whole and return its id; one that was begun before is completed."""
    run_id = _run_id(line, experiment, campaign_id) or _new_run(line, experiment, facts)
    for params in _portions(facts.params, _MOST_PARAMS):
        line.post("runs/log-batch", run_id=run_id, params=params)
    for metrics in _portions(facts.metrics, _MOST_METRICS):
        line.post("runs/log-batch", run_id=run_id, metrics=metrics)
    line.post("runs/log-batch", run_id=run_id, tags=facts.tags)
    learned_from = {"dataset": facts.dataset, "tags": [{"key": "mlflow.data.context", "value": "training"}]}
    line.post("runs/log-inputs", run_id=run_id, datasets=[learned_from])
    line.post("runs/update", run_id=run_id, status=facts.status, end_time=facts.end_time)
    return run_id


def write_version(line: Line, registered: str, run_id: str, version: VersionOfModel) -> str:
    """Register the version of a run and return the number that the server has for it."""
    known = line.get("model-versions/search", filter=f"run_id = '{run_id}'").get("model_versions", [])
    for one in known:
        if one["name"] == registered:
            return str(one["version"])
    given = {"source": version.source, "description": version.description, "tags": version.tags}
    made = line.post("model-versions/create", name=registered, run_id=run_id, **given)
    return str(made["model_version"]["version"])


def write_model(line: Line, registered: str, description: str, tags: list[Item]) -> None:
    """Register a model, unless it is there."""
    try:
        line.post("registered-models/create", name=registered, description=description, tags=tags)
    except Refused as error:
        if error.code != ALREADY_EXISTS:
            raise


def set_alias(line: Line, registered: str, alias: str, version: str) -> None:
    """Point an alias at a version."""
    line.post("registered-models/alias", name=registered, alias=alias, version=version)


def remove_alias(line: Line, registered: str, alias: str) -> None:
    """Take an alias away, if it is there."""
    try:
        line.delete("registered-models/alias", name=registered, alias=alias)
    except Refused as error:
        if error.code != DOES_NOT_EXIST:
            raise


def _experiment(line: Line, name: str) -> dict[str, Any] | None:
    return _found(line, "experiments/get-by-name", "experiment", experiment_name=name)


def _registered(line: Line, name: str) -> dict[str, Any] | None:
    return _found(line, "registered-models/get", "registered_model", name=name)


def _found(line: Line, path: str, of: str, **given: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = line.get(path, **given)[of]
    except Refused as error:
        if error.code == DOES_NOT_EXIST:
            return None
        raise
    return found


def _tag(found: dict[str, Any], name: str) -> str:
    return next((str(tag["value"]) for tag in found.get("tags", []) if tag["key"] == name), "")


def _run_id(line: Line, experiment: str, campaign_id: str) -> str:
    """Return the id of the run that a campaign has there, "" where it has none."""
    wanted = f"tags.`{CAMPAIGN_TAG}` = {json.dumps(campaign_id)}"
    asked = {"filter": wanted, "max_results": 1, "order_by": ["attributes.start_time ASC"]}
    runs = line.post("runs/search", experiment_ids=[experiment], **asked).get("runs", [])
    return str(runs[0]["info"]["run_id"]) if runs else ""


def _new_run(line: Line, experiment: str, facts: RunFacts) -> str:
    """Begin a run with the tag by which it is found again, in one request."""
    begun = [tag for tag in facts.tags if tag["key"] in {CAMPAIGN_TAG, "mlflow.user"}]
    given = {"run_name": facts.name, "start_time": facts.start_time, "tags": begun}
    return str(line.post("runs/create", experiment_id=experiment, **given)["run"]["info"]["run_id"])


def _portions(items: list[Item], most: int) -> list[list[Item]]:
    return [items[place : place + most] for place in range(0, len(items), most)]
