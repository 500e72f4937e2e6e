"""Anomalies: our isolation forest over HTTP beside scikit-learn's, on ADBench tables; neither sees a label."""

import time

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from benchmarks.platform import SHARED_DATA, Platform
from benchmarks.quality.ledger import Ledger, Score
from benchmarks.quality.tables import APART, MOST_ROWS
from benchmarks.quality.tabular import records

PUBLISHED = {
    "Pima": "0.67-0.73",
    "breastw": "0.98",
    "cardio": "0.92-0.93",
    "mammography": "0.86",
    "satellite": "0.70",
    "shuttle": "0.997",
    "thyroid": "0.98",
}
OURS, PLAIN = "ours: isolation forest", "plain isolation forest"
_ALERT_SHARE = 0.01


def score_seed(platform: Platform, ledger: Ledger, table: str, split: int) -> None:
    """Measure with one seed whatever the ledger does not have.

    The area under the curve is of a model that learned from all rows, as ADBench has it. The alerts are counted among usual
    rows kept apart from a model that learned from the other usual rows; beside them, those of the first model.
    """
    frame = pd.read_csv(SHARED_DATA / "anomaly" / "adbench" / f"{table}.csv.gz")
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=1_000 * ledger.seed + split)
    features, truth = frame.drop(columns="label"), frame["label"].to_numpy()
    usual = features[truth == 0].sample(frac=1.0, random_state=1_000 * ledger.seed + split)
    apart, known = usual.iloc[: round(APART * len(usual))], usual.iloc[round(APART * len(usual)) :]
    for who in ledger.missing(table, split, (OURS, PLAIN)):
        began = time.monotonic()
        if who == OURS:
            scores, alerts = _ours(platform, f"{table} {split}", features, features, split)
            _, among_usual = _ours(platform, f"{table} {split} usual", known, apart, split)
        else:
            scores, alerts = _plain(features, features, split)
            _, among_usual = _plain(known, apart, split)
        found = {
            "roc_auc": float(roc_auc_score(truth, scores)),
            "alerts_among_usual": float(among_usual.mean()),
            "alerts_among_usual_of_all": float(alerts[truth == 0].mean()),
        }
        ledger.note(Score(table, split, who, found, len(features), len(apart), time.monotonic() - began))


def _ours(
    platform: Platform, name: str, known: pd.DataFrame, asked: pd.DataFrame, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    dataset = platform.upload(name=name, content=known.to_csv(index=False).encode(), filename="rows.csv")
    model = platform.make_model(
        name=name, algorithm="isolation_forest", task="anomaly", parameters={"alert_share": _ALERT_SHARE}
    )
    platform.train(model, dataset, seed=seed)
    answers = platform.predict(model, records(asked))
    return np.array([detail["score"] for detail in answers["details"]]), np.array(answers["predictions"]) == -1


def _plain(known: pd.DataFrame, asked: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    forest = IsolationForest(random_state=seed).fit(known)
    return -forest.score_samples(asked), forest.predict(asked) == -1
