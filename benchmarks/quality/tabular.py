"""Classification and regression: our services and a search over HTTP, beside the peers on the same rows."""

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.platform import Platform
from benchmarks.quality import measures, peers
from benchmarks.quality.ledger import Ledger, Score
from benchmarks.quality.tables import TABLES, Part, part

FROZEN = "ours: XGBoost, a tenth frozen"
OURS = {
    "ours: random forest": "random_forest",
    "ours: gradient boosting": "gradient_boosting",
    "ours: XGBoost": "xgboost",
    "ours: SVM": "svm",
    FROZEN: "xgboost",
}
SEARCHED = "ours: searched"
SEARCH_SECONDS = 60


def score_split(platform: Platform, ledger: Ledger, table: str, split: int, *, searched: bool) -> None:
    """Measure on one split of a table whatever the ledger does not have."""
    of = TABLES[table]
    ours = [who for who in OURS if of.classes or OURS[who] != "svm"] + ([SEARCHED] if searched else [])
    rows = part(table, split, seed=ledger.seed)
    if asked := ledger.missing(table, split, ours):
        for score in _ours(platform, rows, table, split, asked):
            ledger.note(score)
    for who in ledger.missing(table, split, peers.peers_for(rows)):
        ledger.note(_peer(rows, table, split, who))


def _peer(rows: Part, table: str, split: int, who: str) -> Score:
    began = time.monotonic()
    fitted = peers.fit(who, rows, seed=split)
    seconds = time.monotonic() - began
    features, truth = rows.apart[rows.features], rows.truth(rows.apart)
    found = (
        measures.of_classes(truth, fitted.predict_proba(features))
        if rows.of.classes
        else measures.of_amounts(truth, fitted.predict(features))
    )
    chosen = getattr(fitted, "best_params_", {})
    note = json.dumps({name.partition("__")[2]: value for name, value in chosen.items()}) if chosen else ""
    return Score(table, split, who, found, len(rows.train), len(rows.apart), seconds, note)


def _ours(platform: Platform, rows: Part, table: str, split: int, asked: list[str]) -> Iterator[Score]:
    of = rows.of
    dataset = platform.upload(
        name=f"{table} {split}", content=rows.train.to_csv(index=False).encode(), filename=f"{table}.csv"
    )
    told = records(rows.apart.drop(columns=[c for c in (of.target, of.group) if c]))
    for who in asked:
        model = platform.make_model(
            name=f"{table} {split} {who}",
            algorithm=OURS.get(who, "auto"),
            task=of.task,
            target=of.target,
            frozen_share=0.1 if who == FROZEN else 0,  # peers learn from all rows
            **({"group_column": of.group} if of.group else {}),
        )
        search = {"seconds": SEARCH_SECONDS} if who == SEARCHED else None
        campaign = platform.train(model, dataset, seed=split, search=search)
        answers = platform.predict(model, told)
        note = f"{campaign['algorithm']} {json.dumps(campaign['parameters'])}" if search else ""
        found, seconds = _measured(rows, answers), campaign["duration_seconds"]
        yield Score(table, split, who, found, len(rows.train), len(rows.apart), seconds, note)


def _measured(rows: Part, answers: dict[str, list[Any]]) -> dict[str, float]:
    truth, details = rows.truth(rows.apart), answers["details"]
    if not rows.of.classes:
        bounds = np.array([detail["interval"] for detail in details])
        return measures.of_amounts(truth, np.array(answers["predictions"])) | measures.of_intervals(truth, bounds)
    chances = np.array([[detail["probabilities"][name] for name in rows.of.classes] for detail in details])
    members = [{rows.of.classes.index(name) for name in detail["set"]} for detail in details]
    return measures.of_classes(truth, chances) | measures.of_sets(truth, members)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as the API takes them: plain values, None where one is missing."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]
