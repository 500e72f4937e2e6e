"""Demo data, made here: late payers among a French firm's clients, and a first model trained on them over the API."""

import csv
import io
import json
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apps.core.artifacts import write_atomically
from mlplatform.supervisor.accounts import Account

Say = Callable[[str], None]
ROWS = 2_400
_DATASET = "Factures clients"
_SECTORS = {"BTP": 0.9, "Commerce": 0.2, "Industrie": -0.2, "Santé": -0.7, "Services": 0.0, "Transport": 0.5}
_REGIONS = ["Bretagne", "Grand Est", "Hauts-de-France", "Île-de-France", "Occitanie", "Provence", "Rhône-Alpes"]
_MODELS: tuple[dict[str, Any], ...] = (
    {
        "name": "Late payers",
        "description": "Which invoices will be paid more than 30 days late? Demo data, made by the platform.",
        "algorithm": "xgboost",
        "task": "classification",
        "domain": "RISQUE_CLIENT",
        "target": "en_retard",
    },
    {
        "name": "Payment delay",
        "description": "How many days after the due date will an invoice be paid? Demo data, made by the platform.",
        "algorithm": "random_forest",
        "task": "regression",
        "domain": "FLUX_TRESORERIE",
        "target": "retard_jours",
        "parameters": {"n_estimators": 150},
    },
)


def invoices(rows: int = ROWS, seed: int = 7) -> bytes:
    """Return invoices as a French office's CSV: `;`, decimal comma, dd/mm/yyyy, some cells empty."""
    chance = random.Random(seed)  # noqa: S311  (data, not secrets)
    out = io.StringIO()
    write = csv.writer(out, delimiter=";", lineterminator="\r\n")
    names = ["secteur", "région", "montant_ht", "ancienneté_mois", "retards_passés", "délai_accordé", "échéance", "relance"]
    write.writerow([*names, "retard_jours", "en_retard"])
    for _ in range(rows):
        sector, region = chance.choice(list(_SECTORS)), chance.choice(_REGIONS)
        amount = round(chance.lognormvariate(7.6, 1.0), 2)
        months, past = chance.randint(1, 180), min(12, int(chance.expovariate(0.55)))
        terms, reminded = chance.choice([30, 45, 60]), chance.random() < 0.35
        month = chance.randint(1, 12)
        pull = (
            _SECTORS[sector]
            + 0.55 * past
            - 0.012 * months
            + 0.4 * (amount > 6_000)
            - 0.5 * reminded
            + 0.5 * (month in {7, 8})
        )
        days = max(-5, round(9 * pull + chance.gauss(8, 11)))
        write.writerow(
            [
                sector,
                region if chance.random() > 0.03 else "",
                f"{amount:,.2f}".replace(",", " ").replace(".", ","),
                months if chance.random() > 0.06 else "",
                past,
                terms,
                f"{chance.randint(1, 28):02d}/{month:02d}/{chance.choice([2024, 2025])}",
                "vrai" if reminded else "faux",
                days,
                "oui" if days > 30 else "non",
            ]
        )
    return out.getvalue().encode("cp1252", "replace")


class _Client:
    """The platform's own API, as any client uses it."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        """Return the parsed answer, whatever its status below 500."""
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data=body, method=method)  # noqa: S310  (our own server)
        request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310  (our own server)
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error

    def named(self, kind: str, workspace: str, name: str) -> Any:
        """Return the object of exactly this name, or None."""
        query = urllib.parse.urlencode({"workspace": workspace, "name": name, "page_size": 200})
        found = self.call("GET", f"{kind}/?{query}")["results"]
        return next((one for one in found if one["name"] == name), None)

    def post(self, path: str, **fields: Any) -> Any:
        """Send JSON."""
        return self.call("POST", path, json.dumps(fields).encode())

    def upload(self, *, workspace: str, name: str, content: bytes) -> Any:
        """Send a file as a form does."""
        mark = uuid.uuid4().hex
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
            for field, value in (("workspace", workspace), ("name", name))
        ]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="factures.csv"\r\n\r\n'
        body = b"".join([*parts, head.encode(), content, f"\r\n--{mark}--\r\n".encode()])
        return self.call("POST", "datasets/", body, f"multipart/form-data; boundary={mark}")


def show_first_model(url: str, account: Account, say: Say, stopping: threading.Event, done: Path) -> None:
    """Upload the demo data and train the demo models in front of the user, once: `done` notes that it was.

    What is there already is left alone, and a fault is told, never more: the platform runs without a demo.
    """
    if done.exists():
        return
    try:
        client = _Client(url, account.api_key)
        dataset = _dataset(client, account.workspace, say, stopping)
        for spec in _MODELS:
            _show_model(client, account.workspace, spec, dataset, say, stopping)
    except (RuntimeError, OSError) as error:
        say(f"The demo was not set up: {error}")
    else:
        if not stopping.is_set():
            write_atomically(done, b"The demo was shown; remove this file to have it again at the next start.\n")


def _show_model(
    client: _Client, workspace: str, spec: dict[str, Any], dataset: Any, say: Say, stopping: threading.Event
) -> None:
    if stopping.is_set():
        return
    model = client.named("models", workspace, spec["name"])
    if model is None:
        features = [c["name"] for c in dataset["columns"] if c["name"] not in {"retard_jours", "en_retard"}]
        model = client.post("models/", workspace=workspace, features=features, **spec)
    if not model["champion"]:
        _train(client, model, dataset["id"], say, stopping)


def _dataset(client: _Client, workspace: str, say: Say, stopping: threading.Event) -> Any:
    dataset = client.named("datasets", workspace, _DATASET)
    if dataset is None:
        say(f"Uploading demo data: {ROWS:,} invoices of a French firm, as its office would export them.")
        dataset = client.upload(workspace=workspace, name=_DATASET, content=invoices())
    while dataset["status"] == "checking" and not stopping.wait(0.3):
        dataset = client.call("GET", f"datasets/{dataset['id']}/")
    return dataset


def _train(client: _Client, model: Any, dataset: str, say: Say, stopping: threading.Event) -> None:
    running = client.call("GET", f"campaigns/?model={model['id']}")["results"]
    waiting = [campaign for campaign in running if campaign["status"] in {"pending", "training"}]
    campaign = waiting[0] if waiting else client.post(f"models/{model['id']}/train/", dataset=dataset)
    shown, began = "", time.monotonic()
    while campaign["status"] in {"pending", "training"} and not stopping.wait(0.3):
        campaign = client.call("GET", f"campaigns/{campaign['id']}/")
        line = f"  {model['name']}: {campaign['progress']:4.0%}  {campaign['stage']}"
        if line != shown:
            say(line)
            shown = line
    if campaign["status"] == "completed":
        quality = ", ".join(f"{name} {value:.3f}" for name, value in list(campaign["metrics"].items())[:4])
        say(f"  {model['name']}: trained in {time.monotonic() - began:.1f} s ({quality})")
    elif not stopping.is_set():
        say(f"  {model['name']}: {campaign['status']}. {campaign['error'] or ''}")
