"""What a release leaves behind: a backup of an installation that was used, and the answers that it gave."""

import json
from pathlib import Path
from typing import Any

from tests.journeys.running import RunningPlatform, wait_for
from tests.journeys.tables import as_csv, invoices, without_answer
from tests.journeys.visitor import Visitor

RELEASES = Path(__file__).parent / "releases"
_USED = [
    {"algorithm": "random_forest", "parameters": {"n_estimators": 10, "max_depth": 4}},
    {"algorithm": "xgboost", "parameters": {"n_estimators": 10, "max_depth": 3}},
    {
        "algorithm": "random_forest",
        "parameters": {"n_estimators": 10, "max_depth": 4},
        "task": "regression",
        "target": "days",
    },
    {"algorithm": "isolation_forest", "parameters": {"n_estimators": 10}, "task": "anomaly", "target": ""},
]


def leave_behind(folder: Path) -> Path:
    """Use a platform as people do; return the folder with its backup and what it answered."""
    running, left = RunningPlatform(folder / "platform"), folder / "left"
    left.mkdir()
    try:
        visitor = Visitor(running.start())
        told = use(visitor)
        visitor.http.close()
        done = running.manage("backup", str(left / "backup"))
        assert done.returncode == 0, done.stderr
        (left / "told.json").write_text(json.dumps({"facts": running.facts, **told}))
    finally:
        running.end()
    return left


def use(visitor: Visitor) -> dict[str, Any]:
    """Upload, train each algorithm twice, promote, predict, score a data set; return what was answered."""
    dataset = visitor.upload(as_csv(invoices(200)))["id"]
    models = [visitor.model(f"Model {place}", **fields) for place, fields in enumerate(_USED)]
    for seed in (1, 2):
        for campaign in [visitor.train(model, dataset, seed=seed) for model in models]:
            visitor.completed(campaign)
    for model in models[:2]:
        visitor.post(f"models/{model}/versions/2/promote/", {"reason": "better"})
    batch = visitor.post(f"models/{models[0]}/batch_predictions/", {"dataset": dataset}, 202)["id"]
    wait_for(lambda: visitor.get(f"batch_predictions/{batch}/")["status"] == "completed", seconds=60, what="the batch")
    return {"dataset": dataset, "answers": {model: answers_of(visitor, model) for model in models}}


def answers_of(visitor: Visitor, model: str) -> dict[str, Any]:
    """Return what a model answers and why, without what differs from call to call."""
    target = visitor.get(f"models/{model}/")["target"]
    rows = [without_answer(row, target) for row in invoices(20, seed=8)]
    predicted = visitor.post(f"models/{model}/predict/", {"data": rows})
    explained = visitor.post(f"models/{model}/explain/", {"data": rows[:3]})
    return {
        **{name: predicted[name] for name in ("predictions", "details", "version")},
        "explanations": explained["explanations"],
    }
