"""What a campaign costs over a bare fit on 100,000 x 20: from the POST to `completed`, beside fit and predict by hand."""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

from benchmarks.platform import Platform, running_platform
from benchmarks.serving import table

CASES: dict[str, dict[str, Any]] = {
    "xgboost": {"n_estimators": 200, "max_depth": 6, "learning_rate": 0.1},
    "random_forest": {"n_estimators": 100, "max_depth": 12},
}


def bare_fit(algorithm: str, frame: Any, threads: int) -> float:
    """Time the library's own call on the rows a campaign fits (four fifths of them)."""
    train, _ = train_test_split(frame, test_size=0.2, random_state=0)
    x, y = train.drop(columns="label").to_numpy(), train["label"].to_numpy()
    size = CASES[algorithm]
    model = (XGBClassifier if algorithm == "xgboost" else RandomForestClassifier)(**size, n_jobs=threads, random_state=0)
    start = time.perf_counter()
    model.fit(x, y)
    return time.perf_counter() - start


def campaign(platform: Platform, algorithm: str, dataset: str, number: int) -> dict[str, float]:
    """Time one campaign from the POST; return the whole and the platform's own account of it."""
    model = platform.make_model(
        name=f"{algorithm} {number}", algorithm=algorithm, task="classification", target="label", parameters=CASES[algorithm]
    )
    start = time.perf_counter()
    done = platform.train(model, dataset, every=0.05)
    return {"whole": time.perf_counter() - start, "run": float(done["duration_seconds"])}


def main() -> None:
    """Print the table and write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/training.md"))
    options = parser.parse_args()
    lines = ["| algorithm | bare fit, s | campaign, s (request to completed) | over the fit, s |", "|---|---|---|---|"]
    frame = table(100_000)
    with running_platform() as platform:
        dataset = platform.upload(name="wide", content=frame.to_csv(index=False).encode(), filename="wide.csv")
        for algorithm in CASES:
            bare, whole = [], []
            for number in range(options.rounds):
                bare.append(bare_fit(algorithm, frame, options.threads))
                whole.append(campaign(platform, algorithm, dataset, number)["whole"])
            fit, all_of_it = statistics.median(bare), statistics.median(whole)
            lines.append(f"| {algorithm} | {fit:.2f} | {all_of_it:.2f} | {all_of_it - fit:+.2f} |")
            print(lines[-1], flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
