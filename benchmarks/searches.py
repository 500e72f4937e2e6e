"""Does a search end in its time, and what does it find beside the defaults? From the POST to `completed`, 100,000 x 20 and less."""

import argparse
import time
from pathlib import Path

from benchmarks.platform import Platform, running_platform
from benchmarks.serving import table

BUDGETS = (30, 60, 120)
ROWS = (3_000, 100_000)


def measured(platform: Platform, dataset: str, rows: int, seconds: int) -> str:
    """Search all algorithms for so many seconds; return a line of the table."""
    model = platform.make_model(name=f"{rows} {seconds}", algorithm="auto", task="classification", target="label")
    start = time.perf_counter()
    done = platform.train(model, dataset, every=0.1, search={"seconds": seconds})
    took = time.perf_counter() - start
    trials = platform.http.get(f"/api/v1/campaigns/{done['id']}/trials/", params={"page_size": 200}).json()["results"]
    completed = [trial for trial in trials if trial["status"] == "completed"]
    stopped = sum(trial["status"] == "pruned" for trial in trials)
    first = max((trial["score"] for trial in completed if trial["number"] <= 4), default=float("nan"))
    best = completed[0]["score"] if completed else float("nan")
    return f"| {rows:,} | {seconds} | {took:.1f} | {len(completed)} + {stopped} | {done['algorithm']} | {first:.4f} | {best:.4f} |"


def main() -> None:
    """Print the table and write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budgets", type=int, nargs="*", default=BUDGETS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/searches.md"))
    options = parser.parse_args()
    lines = [
        "| rows | asked, s | took, s | trials to their end + stopped | chosen | ROC AUC of the best defaults | of the best trial |",
        "|---|---|---|---|---|---|---|",
    ]
    with running_platform() as platform:
        for rows in ROWS:
            content = table(rows).to_csv(index=False).encode()
            dataset = platform.upload(name=f"{rows} rows", content=content, filename="table.csv")
            for seconds in options.budgets:
                lines.append(measured(platform, dataset, rows, seconds))
                print(lines[-1], flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
