"""A small MLflow server: what the REST API 2.0 takes and refuses, with the words and codes that MLflow 3.17 answers.

It is stricter than MLflow in one thing: a field that it does not know is refused. The tests of `test_sending.py` run on a real
server too, where `MLFLOW_OF_TESTS` names one.
"""

import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

API = "/api/2.0/mlflow/"
_NAME = re.compile(r"[\w.\-:/ ]+")
Body = dict[str, Any]


class No(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status


def bad(message: str) -> No:
    return No("INVALID_PARAMETER_VALUE", message)


def missing(message: str) -> No:
    return No("RESOURCE_DOES_NOT_EXIST", message, 404)


@dataclass
class Run:
    experiment_id: str
    run_id: str
    start_time: int
    name: str = ""
    status: str = "RUNNING"
    end_time: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: dict[tuple[str, int, int, float], None] = field(default_factory=dict)
    inputs: dict[str, Body] = field(default_factory=dict)


@dataclass
class Fake:
    """What is on the server; `statuses` are answered to the next requests in the place of doing anything."""

    port: int = 0
    authorization: str = ""
    experiments: dict[str, Body] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    models: dict[str, Body] = field(default_factory=dict)
    versions: list[Body] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    refuses: Callable[[str, Body], bool] = lambda _path, _body: False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, body: Body, authorization: str) -> tuple[int, Body]:
        self.asked.append((method, path))
        if self.statuses:
            return self.statuses.pop(0), {}
        if authorization != self.authorization:
            return 401, {}
        try:
            if self.refuses(path, body):
                raise bad("No.")
            return 200, self._done(method, path, body)
        except No as no:
            return no.status, {"error_code": no.code, "message": no.message}

    def _done(self, method: str, path: str, body: Body) -> Body:
        known = _FIELDS.get((method, path))
        if known is None:
            raise No("ENDPOINT_NOT_FOUND", f"{method} {path}", 404)
        needed, optional = known
        if unknown := body.keys() - needed.keys() - optional.keys():
            raise bad(f"Unknown fields {sorted(unknown)}")
        for name, kind in needed.items():
            if not body.get(name):
                raise bad(f"Missing value for required parameter '{name}'.")
            check(name, body[name], kind)
        for name, kind in optional.items():
            if name in body:
                check(name, body[name], kind)
        return getattr(self, f"_{method.lower()}_{re.sub('[/-]', '_', path)}")(body) or {}

    def _get_experiments_get_by_name(self, body: Body) -> Body:
        name = body["experiment_name"]
        for one in self.experiments.values():
            if one["name"] == name:
                return {"experiment": one}
        raise missing(f"Could not find experiment with name '{name}'")

    def _post_experiments_create(self, body: Body) -> Body:
        if any(one["name"] == body["name"] for one in self.experiments.values()):
            raise No("RESOURCE_ALREADY_EXISTS", f"Experiment(name={body['name']}) already exists.")
        new = str(len(self.experiments) + 1)
        told = {
            "experiment_id": new,
            "name": body["name"],
            "lifecycle_stage": "active",
            "tags": pairs(body.get("tags", []), 20),
        }
        self.experiments[new] = told
        return {"experiment_id": new}

    def _post_experiments_delete(self, body: Body) -> None:
        self.experiments[body["experiment_id"]]["lifecycle_stage"] = "deleted"

    def _post_runs_create(self, body: Body) -> Body:
        experiment = self.experiments.get(body["experiment_id"])
        if experiment is None:
            raise missing(f"No Experiment with id={body['experiment_id']} exists")
        if experiment["lifecycle_stage"] != "active":
            raise bad("The experiment must be in the 'active' state.")
        run_id = uuid.uuid4().hex
        run = Run(body["experiment_id"], run_id, body.get("start_time", 0), body.get("run_name", "quiet-fox-1"))
        run.tags.update((tag["key"], tag["value"]) for tag in pairs(body.get("tags", []), 100))
        self.runs[run_id] = run
        return {"run": shown(run)}

    def _post_runs_search(self, body: Body) -> Body:
        asked = re.fullmatch(r"tags\.`([\w.]+)` = [\"']([\w-]+)[\"']", body["filter"]) if "filter" in body else None
        if "filter" in body and asked is None:
            raise bad(f"Invalid clause(s) in filter string: {body['filter']}")
        found = [run for run in self.runs.values() if run.experiment_id in body["experiment_ids"]]
        if asked is not None:
            found = [run for run in found if run.tags.get(asked[1]) == asked[2]]
        found.sort(key=lambda run: run.start_time)
        return {"runs": [shown(run) for run in found[: body.get("max_results", 1000)]]} if found else {}

    def _get_runs_get(self, body: Body) -> Body:
        return {"run": shown(self._run(body))}

    def _post_runs_log_batch(self, body: Body) -> None:
        run = self._run(body)
        for one in pairs(body.get("params", []), 100):
            if run.params.setdefault(one["key"], one["value"]) != one["value"] or len(one["value"]) > 500:
                raise bad(f"Changing param values is not allowed: {one['key']}")
        metrics = body.get("metrics", [])
        if len(metrics) > 1000:
            raise bad("A batch logging request can contain at most 1000 metrics.")
        for one in metrics:
            if one.keys() != {"key", "value", "timestamp", "step"} or not _NAME.fullmatch(one["key"]):
                raise bad(f"Invalid metric {one}")
            check("value", one["value"], float)
            check("timestamp", one["timestamp"], int)
            run.points[one["key"], one["step"], one["timestamp"], one["value"]] = None
        run.tags.update((tag["key"], tag["value"]) for tag in pairs(body.get("tags", []), 100))

    def _get_metrics_get_history(self, body: Body) -> Body:
        points = [point for point in self._run(body).points if point[0] == body["metric_key"]]
        return {"metrics": [dict(zip(("key", "step", "timestamp", "value"), point, strict=True)) for point in points]}

    def _post_runs_log_inputs(self, body: Body) -> None:
        run = self._run(body)
        for one in body["datasets"]:
            data = one["dataset"]
            if data.keys() != {"name", "digest", "source_type", "source"} or len(data["digest"]) > 36:
                raise bad(f"Invalid dataset {data}")
            run.inputs[data["digest"]] = one

    def _post_runs_update(self, body: Body) -> Body:
        run = self._run(body)
        if body["status"] not in {"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"}:
            raise bad("Invalid status")
        run.status, run.end_time = body["status"], body.get("end_time")
        return {"run_info": shown(run)["info"]}

    def _run(self, body: Body) -> Run:
        if body["run_id"] not in self.runs:
            raise missing(f"Run with id={body['run_id']} not found")
        return self.runs[body["run_id"]]

    def _get_registered_models_get(self, body: Body) -> Body:
        return {"registered_model": self._model(body)}

    def _post_registered_models_create(self, body: Body) -> Body:
        name = body["name"]
        if re.search("[/:]", name):
            raise bad(f"Invalid model name '{name}'. Names cannot contain '/' or ':'.")
        if name in self.models:
            raise No("RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists.")
        told = {"name": name, "description": body.get("description", ""), "tags": pairs(body.get("tags", []), 100)}
        self.models[name] = told
        return {"registered_model": told}

    def _model(self, body: Body) -> Body:
        if body["name"] not in self.models:
            raise missing(f"Registered Model with name={body['name']} not found")
        return self.models[body["name"]]

    def _post_model_versions_create(self, body: Body) -> Body:
        self._model(body)
        if not urlsplit(body["source"]).scheme:
            raise bad(f"Invalid model version source: '{body['source']}'.")
        if "run_id" in body:
            self._run(body)
        number = 1 + sum(one["name"] == body["name"] for one in self.versions)
        told = {**body, "version": str(number), "status": "READY", "tags": pairs(body.get("tags", []), 100)}
        self.versions.append(told)
        return {"model_version": told}

    def _get_model_versions_search(self, body: Body) -> Body:
        asked = re.fullmatch(r"run_id = '(\w+)'", body["filter"])
        if asked is None:
            raise bad(f"Invalid filter string: {body['filter']}")
        found = [one for one in self.versions if one.get("run_id") == asked[1]]
        return {"model_versions": found} if found else {}

    def _post_registered_models_alias(self, body: Body) -> None:
        model = self._model(body)
        if not any((one["name"], one["version"]) == (body["name"], body["version"]) for one in self.versions):
            raise missing(f"Model Version (name={body['name']}, version={body['version']}) not found")
        kept = [one for one in model.get("aliases", []) if one["alias"] != body["alias"]]
        model["aliases"] = [*kept, {"alias": body["alias"], "version": body["version"]}]

    def _delete_registered_models_alias(self, body: Body) -> None:
        model = self._model(body)
        model["aliases"] = [one for one in model.get("aliases", []) if one["alias"] != body["alias"]]


_FIELDS: dict[tuple[str, str], tuple[dict[str, type], dict[str, type]]] = {
    ("GET", "experiments/get-by-name"): ({"experiment_name": str}, {}),
    ("POST", "experiments/create"): ({"name": str}, {"tags": list, "artifact_location": str}),
    ("POST", "experiments/delete"): ({"experiment_id": str}, {}),
    ("POST", "runs/create"): ({"experiment_id": str}, {"run_name": str, "start_time": int, "tags": list}),
    ("POST", "runs/search"): ({"experiment_ids": list}, {"filter": str, "max_results": int, "order_by": list}),
    ("GET", "runs/get"): ({"run_id": str}, {}),
    ("POST", "runs/log-batch"): ({"run_id": str}, {"params": list, "metrics": list, "tags": list}),
    ("POST", "runs/log-inputs"): ({"run_id": str, "datasets": list}, {}),
    ("POST", "runs/update"): ({"run_id": str, "status": str}, {"end_time": int}),
    ("GET", "metrics/get-history"): ({"run_id": str, "metric_key": str}, {}),
    ("GET", "registered-models/get"): ({"name": str}, {}),
    ("POST", "registered-models/create"): ({"name": str}, {"description": str, "tags": list}),
    ("POST", "registered-models/alias"): ({"name": str, "alias": str, "version": str}, {}),
    ("DELETE", "registered-models/alias"): ({"name": str, "alias": str}, {}),
    ("POST", "model-versions/create"): ({"name": str, "source": str}, {"run_id": str, "description": str, "tags": list}),
    ("GET", "model-versions/search"): ({"filter": str}, {}),
}


def check(name: str, value: Any, kind: type) -> None:
    is_good = isinstance(value, int | float) if kind is float else isinstance(value, kind)
    if not is_good or isinstance(value, bool):
        raise bad(f"Invalid value {value!r} for parameter '{name}'")


def pairs(items: list[Body], most: int) -> list[Body]:
    """Return items that are a key and a value each, both texts, in the letters that are taken."""
    for one in items:
        if one.keys() != {"key", "value"} or not all(isinstance(text, str) for text in one.values()):
            raise bad(f"Invalid value {one}")
        if not _NAME.fullmatch(one["key"]) or len(one["key"]) > 250 or len(one["value"]) > 5000:
            raise bad(f"Invalid name or value of {one['key']}")
    if len(items) > most:
        raise bad(f"A batch logging request can contain at most {most}.")
    return items


def shown(run: Run) -> Body:
    last: dict[str, Body] = {}
    for key, step, timestamp, value in sorted(run.points, key=lambda point: point[1:3]):
        last[key] = {"key": key, "step": step, "timestamp": timestamp, "value": value}
    info = {"run_id": run.run_id, "experiment_id": run.experiment_id, "run_name": run.name, "status": run.status}
    return {
        "info": {**info, "start_time": run.start_time, "end_time": run.end_time, "lifecycle_stage": "active"},
        "data": {
            "params": [{"key": key, "value": value} for key, value in run.params.items()],
            "tags": [{"key": key, "value": value} for key, value in run.tags.items()],
            "metrics": list(last.values()),
        },
        "inputs": {"dataset_inputs": list(run.inputs.values())},
    }


def serve(fake: Fake) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            body = dict(parse_qsl(parts.query)) if self.command == "GET" else json.loads(self.rfile.read(length))
            path = parts.path.removeprefix(API) if parts.path.startswith(API) else f"?{parts.path}"
            status, told = fake.answer(self.command, path, body, self.headers.get("Authorization", ""))
            text = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _any  # noqa: N815  (names of the base class)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", fake.port), Handler)
    fake.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
