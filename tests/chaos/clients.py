"""Those who go on working while processes are killed: each keeps what it was promised, for the auditor."""

import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.journeys.running import RunningPlatform
from tests.journeys.tables import as_csv, invoices, without_answer

_PATIENCE_SECONDS = 120.0
MODELS = 4


@dataclass
class Promises:
    """What the platform said yes to, and every answer it gave."""

    models: list[str] = field(default_factory=list)
    campaigns: dict[str, str] = field(default_factory=dict)  # campaign -> model
    datasets: list[str] = field(default_factory=list)
    predicted: Counter[tuple[str, int]] = field(default_factory=Counter)  # (model, version)
    logged: set[str] = field(default_factory=set)  # ids of answers, as 32 hex digits
    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Client:
    """One person with the owner's key; a platform that is down for a moment is asked again."""

    def __init__(self, running: RunningPlatform, promises: Promises, seed: int, stopping: threading.Event) -> None:
        facts = running.facts
        self.workspace = facts["workspace"]
        headers = {"Authorization": f"Bearer {facts['api_key']}"}
        self.http = httpx.Client(base_url=f"{running.url}/api/v1/", headers=headers, timeout=30)
        self.promises, self.chance, self.stopping = promises, random.Random(seed), stopping

    def once(self, what: str, method: str, path: str, **given: Any) -> httpx.Response | None:
        """Ask once; None when nobody answered. A 5xx that is not 503 (or 507) is a fault."""
        try:
            answer = self.http.request(method, path, **given)
        except httpx.TransportError:
            self.promises.answers[f"{what}: no answer"] += 1
            return None
        self.promises.answers[f"{what}: {answer.status_code}"] += 1
        if answer.status_code >= 500 and answer.status_code not in {503, 507}:
            self.promises.faults.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def until_sure(self, what: str, path: str, **given: Any) -> httpx.Response:
        """POST under one Idempotency-Key until there is a definite answer."""
        headers = {"Idempotency-Key": str(uuid.UUID(int=self.chance.getrandbits(128)))}
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            answer = self.once(what, "POST", path, headers=headers, **given)
            if answer is not None and answer.status_code not in {409, 429, 503}:
                return answer
            time.sleep(0.5)
        raise AssertionError(f"{what}: no definite answer in {_PATIENCE_SECONDS:.0f} s")


def prepare(client: Client) -> str:
    """Upload data and register the models; return the data set."""
    answer = client.until_sure(
        "upload", "datasets/", data={"workspace": client.workspace, "name": "chaos"},
        files={"file": ("chaos.csv", as_csv(invoices(200)), "text/csv")},
    )  # fmt: skip
    dataset = str(answer.json()["id"])
    for number in range(MODELS):
        fields = {
            "workspace": client.workspace, "name": f"chaos {number}", "algorithm": "patient_forest",
            "task": "classification", "target": "late", "parameters": {"n_estimators": 10, "max_depth": 4, "seconds": 0},
        }  # fmt: skip
        client.promises.models.append(str(client.until_sure("model", "models/", json=fields).json()["id"]))
    return dataset


def keep_training(client: Client, dataset: str, wanted: int, at_once: int) -> None:
    """Start campaigns, a few waiting at a time, until as many as wanted were promised."""
    while len(client.promises.campaigns) < wanted and not client.stopping.is_set():
        waiting = client.once("campaigns", "GET", "campaigns/", params={"status": "pending", "page_size": 1})
        if waiting is None or waiting.status_code != 200 or waiting.json()["count"] >= at_once:
            time.sleep(0.3)
            continue
        model = client.chance.choice(client.promises.models)
        parameters = {"seconds": round(client.chance.choice([0, 0, 0, 0.4, 1.5]), 1)}
        given = {"dataset": dataset, "parameters": parameters, "seed": client.chance.randrange(1000)}
        answer = client.until_sure("train", f"models/{model}/train/", json=given)
        if answer.status_code == 202:
            client.promises.campaigns[str(answer.json()["id"])] = model
        else:
            client.promises.faults.append(f"train: {answer.status_code} {answer.text[:300]}")


def keep_predicting(client: Client) -> None:
    """Ask the champions for answers, one row or some at a time."""
    rows = [without_answer(row) for row in invoices(40, seed=5)]
    while not client.stopping.is_set():
        model = client.chance.choice(client.promises.models)
        some = client.chance.sample(rows, client.chance.choice([1, 1, 5, 20]))
        answer = client.once("predict", "POST", f"models/{model}/predict/", json={"data": some})
        if answer is not None and answer.status_code == 200:
            told = answer.json()
            client.promises.predicted[model, told["version"]] += 1
            client.promises.logged.add(told["prediction_ids"][0].partition("-")[0])
            if len(told["predictions"]) != len(some):
                client.promises.faults.append(f"predict: {len(told['predictions'])} answers for {len(some)} rows")
        elif answer is not None and answer.status_code not in {409, 503}:
            client.promises.faults.append(f"predict: {answer.status_code} {answer.text[:300]}")
        time.sleep(client.chance.uniform(0.02, 0.2))


def keep_promoting(client: Client) -> None:
    """Promote and roll back."""
    while not client.stopping.is_set():
        model = client.chance.choice(client.promises.models)
        versions = client.once("versions", "GET", f"models/{model}/versions/", params={"page_size": 200})
        if versions is not None and versions.status_code == 200 and versions.json()["results"]:
            number = client.chance.choice(versions.json()["results"])["version"]
            path = (
                f"models/{model}/versions/{number}/promote/" if client.chance.random() < 0.7 else f"models/{model}/rollback/"
            )
            answer = client.once("promote", "POST", path, json={"reason": "chaos"})
            if answer is not None and answer.status_code not in {200, 409, 503}:
                client.promises.faults.append(f"{path}: {answer.status_code} {answer.text[:300]}")
        time.sleep(client.chance.uniform(0.3, 1.5))


def keep_uploading(client: Client) -> None:
    """Upload small tables."""
    number = 0
    while not client.stopping.is_set():
        number += 1
        content = as_csv(invoices(50, seed=client.chance.randrange(10**6)))
        answer = client.until_sure(
            "upload", "datasets/", data={"workspace": client.workspace, "name": f"chaos {number}"},
            files={"file": ("chaos.csv", content, "text/csv")},
        )  # fmt: skip
        if answer.status_code in {200, 201, 202}:
            client.promises.datasets.append(str(answer.json()["id"]))
        else:
            client.promises.faults.append(f"upload: {answer.status_code} {answer.text[:300]}")
        time.sleep(client.chance.uniform(2, 6))
