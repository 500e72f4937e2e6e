"""The tables with a target, and how their rows are parted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

from benchmarks.platform import SHARED_DATA

MOST_ROWS = 20_000
APART = 0.25


@dataclass(frozen=True)
class Table:
    """A file with a target; `published` are figures of others by measure, as SOURCE.md beside the file gives them."""

    file: str
    target: str
    classes: tuple[str, ...] = ()  # none: a regression; the last one is looked for where there are two
    words: Mapping[int, str] = field(default_factory=dict)  # what numbers for classes mean
    left_out: tuple[str, ...] = ()  # of the peers: identifiers, which nobody would fit on by hand
    group: str = ""  # kept whole on one side
    published: Mapping[str, str] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """The task by its name in the API."""
        return "classification" if self.classes else "regression"


TABLES = {
    "adult": Table(
        "tabular/adult_train.csv.gz", "income", ("<=50K", ">50K"), published={"accuracy": "87 %", "roc_auc": "0.92-0.93"}
    ),
    "german_credit": Table(
        "tabular/german_credit_train.csv.gz", "risk", ("bad", "good"),
        published={"accuracy": "75-78 %", "roc_auc": "0.78-0.80"},
    ),
    "telco_churn": Table(
        "tabular/telco_churn_train.csv.gz", "Churn", ("No", "Yes"), left_out=("customerID",),
        published={"accuracy": "80-81 %", "roc_auc": "0.84-0.85"},
    ),
    "bank_marketing": Table(
        "tabular/bank_marketing_train.csv.gz", "y", ("no", "yes"), published={"roc_auc": "0.78-0.80"}
    ),
    "kepler": Table(
        "exoplanet/koi_train.csv", "label", ("candidate", "confirmed", "false positive"),
        words={0: "candidate", 1: "confirmed", 2: "false positive"}, group="star", published={"accuracy": "75-80 %"},
    ),
    "electricity": Table("drift/elec2.csv.gz", "class", ("down", "up"), words={0: "down", 1: "up"}),
    "abalone": Table("tabular/abalone_regression_train.csv.gz", "rings", published={"rmse": "2.1-2.2", "r2": "0.55-0.58"}),
    "wine_quality": Table("drift/wine_white_then_red.csv.gz", "quality"),
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """The rows to learn from and those kept apart, target included."""

    of: Table
    train: pd.DataFrame
    apart: pd.DataFrame

    @property
    def features(self) -> list[str]:
        """The columns that a peer learns from."""
        return [c for c in self.train.columns.tolist() if c not in {self.of.target, self.of.group, *self.of.left_out}]

    def truth(self, frame: pd.DataFrame) -> npt.NDArray[Any]:
        """Return the target of one of the parts: numbers, or codes of the classes."""
        values = frame[self.of.target]
        if not self.of.classes:
            return values.to_numpy(float)
        return values.map({name: code for code, name in enumerate(self.of.classes)}).to_numpy(np.int64)


def part(name: str, split: int, *, seed: int) -> Part:
    """Draw at most `MOST_ROWS` rows and keep a quarter apart: by class, whole groups, or at random."""
    table, chance = TABLES[name], 1_000 * seed + split
    frame = rows_of(name, seed=chance)
    kind = GroupShuffleSplit if table.group else StratifiedShuffleSplit if table.classes else ShuffleSplit
    cut = kind(1, test_size=APART, random_state=chance)
    left, right = next(cut.split(frame, frame[table.target], frame[table.group] if table.group else None))
    return Part(table, frame.iloc[left], frame.iloc[right])


def rows_of(name: str, *, seed: int) -> pd.DataFrame:
    """Return the rows of a table, `MOST_ROWS` drawn of a larger one."""
    frame = _frame(name)
    return frame.sample(MOST_ROWS, random_state=seed) if len(frame) > MOST_ROWS else frame


@lru_cache(maxsize=1)
def _frame(name: str) -> pd.DataFrame:
    table = TABLES[name]
    frame = pd.read_csv(SHARED_DATA / table.file)
    if table.words:
        frame[table.target] = frame[table.target].map(dict(table.words))
    if name == "kepler":
        frame[table.group] = "K" + pd.read_csv(SHARED_DATA / "exoplanet" / "koi_train_ids.csv")["kepid"].astype(str)
    if name == "wine_quality":  # the same wine more than once, which would stand on both sides
        frame = frame.drop_duplicates(ignore_index=True)
    return frame
