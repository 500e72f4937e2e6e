"""One row and 1,000 rows over HTTP: the full endpoint (key, workspace, schema checked, prediction logged) beside a plain
FastAPI server that holds the native model. Two server processes each, the load from another process, rounds alternate.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import joblib
import numpy as np
import pandas as pd
import psutil
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from xgboost import XGBClassifier

from benchmarks.platform import ROOT, Platform, running_platform

HEAVY = ["pandas", "scipy", "sklearn", "xgboost", "tensorflow", "pyarrow"]
PARAMETERS = {
    "random_forest": {"n_estimators": 500, "max_depth": 15},
    "xgboost": {"n_estimators": 500, "max_depth": 6},
}


def table(rows: int = 20_000) -> pd.DataFrame:
    """Make a table of 20 numbers and a label."""
    x, y = make_classification(rows, 20, n_informative=10, flip_y=0.1, random_state=3)
    frame = pd.DataFrame(x.astype(np.float32), columns=[f"x{i}" for i in range(20)])
    frame["label"] = y
    return frame


def native_model(algorithm: str, frame: pd.DataFrame) -> Any:
    """Fit the peer's model with the same size; forests serve with one thread, which is fastest for one row."""
    size = PARAMETERS[algorithm]
    if algorithm == "random_forest":
        model: Any = RandomForestClassifier(**size, n_jobs=2, random_state=0)
    else:
        model = XGBClassifier(**size, n_jobs=1, random_state=0)
    model.fit(frame.drop(columns="label"), frame["label"])
    if algorithm == "random_forest":
        model.n_jobs = 1
    return model


@contextmanager
def fastapi_server(model_path: Path) -> Iterator[str]:
    """Serve a native model from two processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peers.fastapi_server:app", "--port", str(port)]
    environment = {**os.environ, "PEER_MODEL": str(model_path), "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [*command, "--workers", "2", "--log-level", "error", "--no-access-log"], cwd=ROOT, env=environment
    )
    try:
        for _ in range(300):
            try:
                httpx.get(f"http://127.0.0.1:{port}/docs")
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/predict"
    finally:
        server.terminate()
        server.wait()


def measure(url: str, body: str, headers: dict[str, str], *, connections: int, seconds: float) -> dict[str, float]:
    """Run the load generator in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as job:
        given = {"url": url, "body": body, "headers": headers, "connections": connections, "seconds": seconds}
        json.dump(given, job)
        job.flush()
        done = subprocess.run([sys.executable, "-m", "benchmarks.load", job.name], cwd=ROOT, capture_output=True, check=True)
    seen: dict[str, float] = json.loads(done.stdout)
    if seen["errors"]:
        raise RuntimeError(f"{url}: {seen['errors']} answers of {seen['requests']} were not 200")
    return seen


def compare(platform: Platform, algorithm: str, frame: pd.DataFrame, *, rounds: int, seconds: float) -> list[str]:
    """Measure both servers in alternating rounds; return the table's lines."""
    dataset = platform.upload(name=algorithm, content=frame.to_csv(index=False).encode(), filename="table.csv")
    model = platform.make_model(
        name=algorithm, algorithm=algorithm, task="classification", target="label", parameters=PARAMETERS[algorithm]
    )
    platform.train(model, dataset)
    rows = frame.drop(columns="label").head(1000).to_dict(orient="records")
    auth = {"Authorization": f"Bearer {platform.api_key}"}
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.joblib"
        joblib.dump(native_model(algorithm, frame), path)
        with fastapi_server(path) as peer:
            sides = {"ours": (f"{platform.url}/api/v1/models/{model}/predict/", auth), "FastAPI": (peer, {})}
            for count, connections in ((1, 1), (1, 16), (1000, 1)):
                body = json.dumps({"data": rows[:count]})
                seen: dict[str, list[dict[str, float]]] = {"ours": [], "FastAPI": []}
                for _ in range(rounds):
                    for side, (url, headers) in sides.items():
                        measure(url, body, headers, connections=connections, seconds=0.5)
                        seen[side].append(measure(url, body, headers, connections=connections, seconds=seconds))
                lines.append(_line(algorithm, count, connections, seen))
                print(lines[-1], flush=True)
    return lines


def _line(algorithm: str, count: int, connections: int, seen: dict[str, list[dict[str, float]]]) -> str:
    median = {
        side: {key: statistics.median(r[key] for r in runs) for key in ("p50_ms", "p99_ms", "per_second")}
        for side, runs in seen.items()
    }
    ours, peer = median["ours"], median["FastAPI"]
    return (
        f"| {algorithm} | {count} | {connections} | {ours['p50_ms']:.2f} / {ours['per_second']:.0f} "
        f"| {peer['p50_ms']:.2f} / {peer['per_second']:.0f} | {ours['per_second'] / peer['per_second']:.1f}x |"
    )


def web_memory(platform: Platform) -> str:
    """Say what the web processes hold, and whether a heavy library's files are mapped in one of them."""
    parent = psutil.Process(platform.processes["web"])
    lines = []
    for process in [parent, *parent.children(recursive=True)]:
        mapped = " ".join(m.path for m in process.memory_maps())
        heavy = [name for name in HEAVY if f"/{name}/" in mapped]
        memory = process.memory_full_info()
        lines.append(
            f"web pid: {memory.rss / 2**20:.0f} MiB resident, {memory.uss / 2**20:.0f} MiB its own; heavy libraries: {heavy or 'none'}"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table and write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/serving.md"))
    options = parser.parse_args()
    lines = [
        "| model | rows | connections | ours: p50 ms / requests a second | FastAPI, native model | throughput ratio |",
        "|---|---|---|---|---|---|",
    ]
    frame = table()
    with running_platform() as platform:
        for algorithm in PARAMETERS:
            lines += compare(platform, algorithm, frame, rounds=options.rounds, seconds=options.seconds)
        lines += ["", web_memory(platform)]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
