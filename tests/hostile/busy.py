"""`python -m tests.hostile.busy [SECONDS]`: a platform on SQLite with everything at work at once; nothing may be told "locked".

Trainings, uploads, predictions, promotions, batches and readers go on side by side for as long as that (ten minutes unless
told otherwise), beside the workers and beat. Told are the answers by status and every line of the logs about a lock.
"""

import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.running import RunningPlatform
from tests.journeys.tables import as_csv, invoices, without_answer
from tests.journeys.visitor import Visitor

ENOUGH_FOR_A_CHECK = 500 * 1024**2
_WAITING_AT_ONCE = 3


class Busy:
    """One platform, and what it told those who work with it."""

    def __init__(self, running: RunningPlatform) -> None:
        self.running, self.ended = running, threading.Event()
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        visitor = Visitor(running)
        self.dataset = str(visitor.upload(as_csv(invoices(200)))["id"])
        self.model = visitor.model("Busy", parameters={"n_estimators": 10, "max_depth": 4})
        for _ in range(2):
            visitor.completed(visitor.train(self.model, self.dataset))
        self.workspace = visitor.workspace

    def work(self, seconds: float) -> None:
        """Have everybody work for a while."""
        jobs = [self.train, self.upload, self.predict, self.predict, self.promote, self.score, self.read]
        threads = [threading.Thread(target=self._repeat, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        self.ended.wait(seconds)
        self.ended.set()
        for thread in threads:
            thread.join()

    def _repeat(self, job: Callable[[Any], None]) -> None:
        headers = {"Authorization": f"Bearer {self.running.facts['api_key']}"}
        with httpx.Client(base_url=f"{self.running.url}/api/v1/", headers=headers, timeout=60) as client:
            while not self.ended.is_set():
                job(client)

    def _ask(self, client: Any, method: str, path: str, **given: Any) -> Any:
        answer = client.request(method, path, **given)
        self.answers[f"{method} {answer.status_code}"] += 1
        if answer.status_code >= 500:
            self.faults.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def train(self, client: Any) -> None:
        """Start a training when few wait."""
        if self._ask(client, "GET", "campaigns/?status=pending&page_size=1").json()["count"] < _WAITING_AT_ONCE:
            self._ask(client, "POST", f"models/{self.model}/train/", json={"dataset": self.dataset})
        self.ended.wait(0.2)

    def upload(self, client: Any) -> None:
        """Upload a table, and wait for its check."""
        file = {"file": ("a.csv", as_csv(invoices(30, seed=int(time.monotonic()))), "text/csv")}
        self._ask(client, "POST", "datasets/", data={"workspace": self.workspace}, files=file)

    def predict(self, client: Any) -> None:
        """Ask for answers, which are logged."""
        rows = [without_answer(row) for row in invoices(20)]
        self._ask(client, "POST", f"models/{self.model}/predict/", json={"data": rows})

    def promote(self, client: Any) -> None:
        """Move the champion to and fro."""
        for number in (1, 2):
            self._ask(client, "POST", f"models/{self.model}/versions/{number}/promote/", json={})

    def score(self, client: Any) -> None:
        """Have a whole data set scored; too many at once are refused."""
        self._ask(client, "POST", f"models/{self.model}/batch_predictions/", json={"dataset": self.dataset})
        self.ended.wait(0.5)

    def read(self, client: Any) -> None:
        """Read every list."""
        for path in ("models/", "datasets/", "campaigns/", "batch_predictions/", f"workspaces/{self.workspace}/audit/"):
            self._ask(client, "GET", path)

    def lines_about_locks(self) -> list[str]:
        """Return the lines of all logs that tell of a locked or busy database."""
        logs = (self.running.var / "logs").glob("*.log")
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        return [line for line in lines if "locked" in line or "database did not answer" in line]


def busy(folder: Path, seconds: float) -> Busy:
    """Run a platform for a while, with everybody at work."""
    running = RunningPlatform(folder, UPLOAD_CHECK_MEMORY_BYTES=str(ENOUGH_FOR_A_CHECK))
    running.environment.pop("DATABASE_URL", None)
    try:
        found = Busy(running.start())
        found.work(seconds)
        return found
    finally:
        running.end()


def main() -> int:
    """Work, and tell."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    with tempfile.TemporaryDirectory(prefix="mlplatform-busy-") as folder:
        found = busy(Path(folder) / "platform", seconds)
        locks = found.lines_about_locks()
    print(f"{seconds:.0f} s, answers: {dict(sorted(found.answers.items()))}")
    print("\n".join(found.faults[:20] + locks[:20]) or "no fault, and nothing locked")
    return 1 if found.faults or locks else 0


if __name__ == "__main__":
    sys.exit(main())
