"""Somebody with an API key: every step of a journey goes through HTTP, as a client's would."""

import json
import time
from typing import Any

import httpx

from tests.journeys.running import RunningPlatform, wait_for

FINAL = ("completed", "failed", "cancelled")


class Visitor:
    """A client of one running platform."""

    def __init__(self, running: RunningPlatform) -> None:
        self.running = running
        self.workspace = running.facts["workspace"]
        if isinstance(self.workspace, dict):
            self.workspace = self.workspace["id"]
        self.headers = {"Authorization": f"Bearer {running.facts['api_key']}"}
        self.http = httpx.Client(base_url=f"{running.url}/api/v1/", headers=self.headers, timeout=60)

    def call(self, method: str, path: str, *codes: int, **given: Any) -> Any:
        """Return the answer's JSON; any status but those expected fails with the body."""
        answer = self.http.request(method, path, **given)
        assert answer.status_code in (codes or (200,)), f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.content else None

    def get(self, path: str, *codes: int, **given: Any) -> Any:
        return self.call("GET", path, *codes, **given)

    def post(self, path: str, body: Any = None, *codes: int, **given: Any) -> Any:
        return self.call("POST", path, *(codes or (200, 201, 202)), json={} if body is None else body, **given)

    def upload(self, data: bytes, *codes: int, name: str = "clients", file: str = "clients.csv") -> Any:
        """Upload a file; return the data set once it is checked."""
        fields = {"workspace": self.workspace, "name": name}
        answer = self.call(
            "POST", "datasets/", *(codes or (201, 202)), data=fields, files={"file": (file, data, "text/csv")}
        )
        if answer.get("status") != "checking":
            return answer

        def checked() -> Any:
            found = self.get(f"datasets/{answer['id']}/")
            return found if found["status"] != "checking" else None

        return wait_for(checked, seconds=90, what="the data set to be checked")

    def model(self, name: str, **fields: Any) -> str:
        """Register a model; return its id."""
        given = {
            "workspace": self.workspace,
            "name": name,
            "algorithm": "random_forest",
            "task": "classification",
            "target": "late",
        }
        return str(self.post("models/", {**given, **fields}, 201)["id"])

    def train(self, model: str, dataset: str, **fields: Any) -> str:
        """Start a training; return the campaign's id."""
        return str(self.post(f"models/{model}/train/", {"dataset": dataset, **fields}, 202)["id"])

    def campaign(self, campaign: str) -> Any:
        return self.get(f"campaigns/{campaign}/")

    def wait_until_fitting(self, campaign: str, *, seconds: float = 90.0) -> Any:
        """Wait until a training is in the middle."""

        def fitting() -> Any:
            found = self.campaign(campaign)
            assert found["status"] in {"pending", "training"}, found
            return found if found["stage"] == "fitting" else None

        return wait_for(fitting, seconds=seconds, what=f"campaign {campaign} to fit")

    def wait_until_ended(self, campaign: str, *, seconds: float = 180.0) -> Any:
        """Wait for a campaign's end; a platform that is down meanwhile is waited for too."""

        def ended() -> Any:
            found = self.campaign(campaign)
            return found if found["status"] in FINAL else None

        return wait_for(ended, seconds=seconds, what=f"campaign {campaign} to end")

    def completed(self, campaign: str, *, seconds: float = 180.0) -> Any:
        """Wait for a campaign's end and expect it to be a good one."""
        found = self.wait_until_ended(campaign, seconds=seconds)
        assert (found["status"], found["error"]) == ("completed", None), found
        return found

    def events(self, campaign: str) -> list[dict[str, Any]]:
        """Return the campaign's whole log."""
        found = self.get(f"campaigns/{campaign}/events/", headers={"Accept": "application/json"})
        return list(found["results"])

    def stream(
        self, campaign: str, *, last_seen: int | None = None, seconds: float = 120.0
    ) -> list[tuple[int, dict[str, Any]]]:
        """Follow the campaign's server-sent events to their end: (id, data) of each."""
        resume = {} if last_seen is None else {"Last-Event-ID": str(last_seen)}
        headers = {"Accept": "text/event-stream", **resume}
        found: list[tuple[int, dict[str, Any]]] = []
        until = time.monotonic() + seconds
        with self.http.stream("GET", f"campaigns/{campaign}/events/", headers=headers) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            number = -1
            for line in answer.iter_lines():
                assert time.monotonic() < until, "the stream did not end"
                if line.startswith("id: "):
                    number = int(line[4:])
                elif line.startswith("data: "):
                    found.append((number, json.loads(line[6:])))
        return found

    def watch(self, campaign: str, *, after: int | None = None, seconds: float = 120.0) -> list[dict[str, Any]]:
        """Follow the campaign's WebSocket to its end."""
        from websockets.exceptions import ConnectionClosed
        from websockets.sync.client import connect

        address = self.running.url.replace("http", "ws", 1) + f"/ws/campaigns/{campaign}/"
        query = "" if after is None else f"?after={after}"
        found: list[dict[str, Any]] = []
        with connect(address + query, additional_headers=self.headers, origin=self.running.url) as socket:
            try:
                while True:
                    found.append(json.loads(socket.recv(timeout=seconds)))
            except ConnectionClosed:
                return found
