"""`python -m tests.hostile.ten_million [ROWS]`: upload a table as long as that to a platform of its own, and measure memory.

The rows are made while they are sent. Told are the most memory that any web process and any checking process held, and how
long both took.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.journeys.running import RunningPlatform, wait_for

MIB = 1024**2
_AT_ONCE = 20_000
_EVERY_SECONDS = 0.05


def table(rows: int) -> Iterator[bytes]:
    """Make a CSV of about 40 bytes a row."""
    yield b"id,when,amount,days,city,late\n"
    for first in range(0, rows, _AT_ONCE):
        numbers = range(first, min(rows, first + _AT_ONCE))
        yield b"".join(
            b"%d,2026-%02d-%02d,%d.%02d,%d,town %d,%s\n"
            % (n, n % 12 + 1, n % 28 + 1, n % 9_973, n % 100, n % 60, n % 500, b"yes" if n % 7 else b"no")
            for n in numbers
        )


@dataclass
class Watch:
    """The most memory seen of the web processes and of those that check."""

    running: RunningPlatform
    most: dict[str, int] = field(default_factory=lambda: {"web": 0, "check": 0})
    ended: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Look again and again, until the end."""
        while not self.ended.wait(_EVERY_SECONDS):
            web = self.running.process_of("web")
            self._note("web", [web, *web.children(recursive=True)])
            below = self.running.process_of("worker").children(recursive=True)
            self._note("check", [process for process in below if _checks(process)])

    def _note(self, name: str, processes: list[psutil.Process]) -> None:
        for process in processes:
            try:
                self.most[name] = max(self.most[name], process.memory_info().rss)
            except psutil.NoSuchProcess:
                continue


def _checks(process: psutil.Process) -> bool:
    try:
        return "apps.datasets.checking" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def send(running: RunningPlatform, rows: int) -> str:
    """Upload the table, in chunks of unknown number; return the data set's id."""
    facts = running.facts
    head = (
        f'--b\r\nContent-Disposition: form-data; name="workspace"\r\n\r\n{facts["workspace"]}\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename="long.csv"\r\n\r\n'
    )

    def body() -> Iterator[bytes]:
        yield head.encode()
        yield from table(rows)
        yield b"\r\n--b--\r\n"

    headers = {"Authorization": f"Bearer {facts['api_key']}", "Content-Type": "multipart/form-data; boundary=b"}
    answer = httpx.post(f"{running.url}/api/v1/datasets/", content=body(), headers=headers, timeout=600)
    assert answer.status_code in {201, 202}, answer.text
    return str(answer.json()["id"])


def measure(folder: Path, rows: int) -> tuple[dict[str, int], float, float]:
    """Return the most memory by kind of process, and the seconds that sending and checking took."""
    running = RunningPlatform(folder)
    try:
        running.start()
        watch = Watch(running)
        thread = threading.Thread(target=watch.look)
        thread.start()
        began = time.monotonic()
        dataset = send(running, rows)
        sent = time.monotonic()
        headers = {"Authorization": f"Bearer {running.facts['api_key']}"}
        path = f"{running.url}/api/v1/datasets/{dataset}/"

        def shown() -> dict[str, object]:
            found: dict[str, object] = httpx.get(path, headers=headers, timeout=60).json()
            return found if found["status"] != "checking" else {}

        found = wait_for(shown, seconds=1_200, what="the check")
        watch.ended.set()
        thread.join()
        assert (found["status"], found["rows"]) == ("ready", rows), found
        return watch.most, sent - began, time.monotonic() - sent
    finally:
        running.end()


def main() -> None:
    """Measure, and tell."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory(prefix="mlplatform-long-") as folder:
        most, sending, checking = measure(Path(folder) / "platform", rows)
    print(f"{rows:,} rows: sent in {sending:.0f} s, checked in {checking:.0f} s")
    print(f"at most {most['web'] / MIB:.0f} MiB in a web process, {most['check'] / MIB:.0f} MiB in the process that checks")


if __name__ == "__main__":
    main()
