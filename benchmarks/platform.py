"""A platform of one's own for a measurement: started empty in a temporary folder, reached over HTTP only."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Platform:
    """A running platform: its HTTP client, its workspace and the process ids of its parts."""

    http: httpx.Client
    url: str
    api_key: str
    workspace: str
    processes: dict[str, int]
    var: Path

    def upload(self, *, name: str, content: bytes, filename: str) -> str:
        """Upload a file and return the dataset's id once it is ready."""
        answer = self.http.post(
            "/api/v1/datasets/", data={"name": name, "workspace": self.workspace}, files={"file": (filename, content)}
        )
        answer.raise_for_status()
        dataset = answer.json()
        while dataset["status"] == "checking":
            time.sleep(0.2)
            dataset = self.http.get(f"/api/v1/datasets/{dataset['id']}/").json()
        if dataset["status"] != "ready":
            raise RuntimeError(json.dumps(dataset["problems"])[:2000])
        return str(dataset["id"])

    def make_model(self, **fields: Any) -> str:
        """Register a model and return its id."""
        answer = self.http.post("/api/v1/models/", json={"workspace": self.workspace, **fields})
        if answer.is_error:
            raise RuntimeError(answer.text)
        return str(answer.json()["id"])

    def train(
        self, model: str, dataset: str, *, seed: int = 0, every: float = 0.2, search: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Train a model, after a search for settings where one is asked for, and return the finished campaign."""
        asked = {"dataset": dataset, "seed": seed, "search": search}
        answer = self.http.post(f"/api/v1/models/{model}/train/", json=asked)
        if answer.is_error:
            raise RuntimeError(answer.text)
        campaign: dict[str, Any] = answer.json()
        while campaign["status"] in {"pending", "training"}:
            time.sleep(every)
            campaign = self.http.get(f"/api/v1/campaigns/{campaign['id']}/").json()
        if campaign["status"] != "completed":
            raise RuntimeError(f"{campaign['status']}: {campaign['error']}")
        return campaign

    def predict(self, model: str, rows: list[dict[str, Any]], *, at_once: int = 2_000) -> dict[str, list[Any]]:
        """Predict rows in portions; return `predictions` and `details`."""
        whole: dict[str, list[Any]] = {"predictions": [], "details": []}
        for start in range(0, len(rows), at_once):
            answer = self.http.post(f"/api/v1/models/{model}/predict/", json={"data": rows[start : start + at_once]})
            if answer.is_error:
                raise RuntimeError(answer.text[:2000])
            for part in whole:
                whole[part] += answer.json()[part]
        return whole


@contextmanager
def running_platform() -> Iterator[Platform]:
    """Start `manage.py up` without demo data in a temporary folder; stop it and everything it started at the end."""
    with tempfile.TemporaryDirectory(prefix="mlplatform-bench-") as folder:
        var = Path(folder) / "var"
        environment = {**os.environ, "MLPLATFORM_VAR": str(var), "ML_MODELS_DIR": str(Path(folder) / "ml_models")}
        environment.pop("DATABASE_URL", None)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        log = (Path(folder) / "up.log").open("wb")
        parent = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--no-demo"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            facts = _facts_when_ready(parent, var / "quickstart.json", Path(folder) / "up.log")
            headers = {"Authorization": f"Bearer {facts['api_key']}"}
            with httpx.Client(base_url=facts["url"], headers=headers, timeout=600) as http:
                yield Platform(http, facts["url"], facts["api_key"], facts["workspace"], facts["processes"], var)
        finally:
            parent.send_signal(signal.SIGINT)
            parent.wait(timeout=30)
            log.close()


def _facts_when_ready(parent: subprocess.Popen[bytes], path: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if parent.poll() is not None:
            raise RuntimeError(log.read_text()[-4000:])
        if path.exists():
            facts: dict[str, Any] = json.loads(path.read_text())
            return facts
        time.sleep(0.2)
    raise RuntimeError(log.read_text()[-4000:])
