"""Are the probabilities right? Each row of a table is answered once by a model that has not seen it, over HTTP.

A model is trained on three quarters of the rows and asked for the fourth, four times: all rows together tell a calibration error
from chance far better than one quarter does. Even probabilities that are right show some: labels drawn from the answers themselves
say how much.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold

from benchmarks.platform import SHARED_DATA, Platform, running_platform
from benchmarks.quality.measures import calibration_error
from benchmarks.quality.tables import TABLES, Table, rows_of
from benchmarks.quality.tabular import FROZEN, OURS, records

QUARTERS, DRAWS = 4, 200
ASKED = ("adult", "bank_marketing")
Doubles = npt.NDArray[np.float64]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    two_classes = [name for name, table in TABLES.items() if len(table.classes) == 2 and not table.group]
    parser.add_argument("--tables", nargs="*", default=ASKED, choices=two_classes)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not SHARED_DATA.exists():
        print(f"calibration: the public tables are expected in {SHARED_DATA}; this part is left out")
        return
    print(
        "| table | model | rows | calibration error | if all were right: mean | 95 of 100 |\n|---|---|---|---|---|---|",
        flush=True,
    )
    with running_platform() as platform:
        for name in options.tables:
            for line in _lines(platform, name, seed=options.seed):
                print(line, flush=True)


def _lines(platform: Platform, name: str, *, seed: int) -> Iterator[str]:
    for who in (one for one in OURS if one != FROZEN):
        truth, chances = _answers(platform, TABLES[name], name, who, seed=seed)
        drawn = np.random.default_rng(seed).random((DRAWS, len(truth))) < chances
        by_chance = [calibration_error(labels, chances) for labels in drawn]
        shown = (calibration_error(truth, chances), float(np.mean(by_chance)), float(np.quantile(by_chance, 0.95)))
        yield f"| {name} | {who} | {len(truth):,} | " + " | ".join(f"{value:.1%}" for value in shown) + " |"


def _answers(platform: Platform, of: Table, name: str, who: str, *, seed: int) -> tuple[npt.NDArray[np.bool_], Doubles]:
    """Return for each row whether it is of the second class, and the chance that a model gave it which had not seen the row."""
    rows = rows_of(name, seed=seed)
    truth = (rows[of.target] == of.classes[1]).to_numpy()
    chances = np.full(len(rows), np.nan)
    parts = StratifiedKFold(QUARTERS, shuffle=True, random_state=seed).split(rows, truth)
    for quarter, (learned, apart) in enumerate(parts):
        content = rows.iloc[learned].to_csv(index=False).encode()
        dataset = platform.upload(name=f"{name} {who} {quarter}", content=content, filename=f"{name}.csv")
        model = platform.make_model(
            name=f"{name} {who} {quarter}", algorithm=OURS[who], task=of.task, target=of.target, frozen_share=0
        )
        platform.train(model, dataset, seed=quarter)
        told = platform.predict(model, records(rows.iloc[apart].drop(columns=[of.target])))
        chances[apart] = [detail["probabilities"][of.classes[1]] for detail in told["details"]]
    return truth, chances


if __name__ == "__main__":
    main()
