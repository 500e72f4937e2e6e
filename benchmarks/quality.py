"""Are models trained through the HTTP API as good as what a data scientist would fit by hand on the same rows?

Five splits a table: the platform sees the training rows as a CSV and answers the rows kept apart; the peers are a plain
scikit-learn random forest and histogram gradient boosting on the same rows, with ordinal codes for the categories.
"""

import argparse
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score, roc_auc_score
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from benchmarks.platform import SHARED_DATA, Platform, running_platform

TABLES = {
    "adult": ("adult_train.csv.gz", None),
    "german_credit": ("german_credit_train.csv.gz", None),
    "telco_churn": ("telco_churn_train.csv.gz", None),
    "bank_marketing": ("bank_marketing_train.csv.gz", None),
    "abalone": ("abalone_regression_train.csv.gz", "regression"),
}
ANOMALIES = ["Pima", "breastw", "cardio", "mammography", "satellite", "shuttle", "thyroid"]
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Score:
    """One fit on one split of one table."""

    table: str
    split: int
    who: str
    metrics: dict[str, float]


def calibration_error(truth: np.ndarray, probability: np.ndarray) -> float:
    """Return the expected calibration error of a binary probability over equal-width bins, as a share."""
    bins = np.minimum((probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        abs(truth[bins == b].mean() - probability[bins == b].mean()) * (bins == b).mean()
        for b in range(CALIBRATION_BINS)
        if (bins == b).any()
    ]
    return float(sum(gaps))


def classification_metrics(truth: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Score the probability of the positive class (coded 1)."""
    return {
        "accuracy": float(accuracy_score(truth, probability >= 0.5)),
        "roc_auc": float(roc_auc_score(truth, probability)),
        "log_loss": float(log_loss(truth, np.clip(probability, 1e-6, 1 - 1e-6))),
        "calibration_error": calibration_error(truth, probability),
    }


def regression_metrics(truth: np.ndarray, value: np.ndarray) -> dict[str, float]:
    """Score point predictions."""
    return {"rmse": float(mean_squared_error(truth, value) ** 0.5), "r2": float(r2_score(truth, value))}


def peers_of_table(task: str | None, train: pd.DataFrame, target: str, seed: int) -> Iterator[tuple[str, Any]]:
    """Fit the two peers by hand on `train`."""
    features = train.drop(columns=target)
    texts = [c for c in features if not pd.api.types.is_numeric_dtype(features[c])]
    numbers = [c for c in features if c not in texts]
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    coded = make_column_transformer((codes, texts), (SimpleImputer(strategy="median"), numbers))
    raw = make_column_transformer((codes, texts), ("passthrough", numbers))
    if task == "regression":
        forest: Any = RandomForestRegressor(500, random_state=seed, n_jobs=2)
        boosting: Any = HistGradientBoostingRegressor(random_state=seed)
    else:
        forest = RandomForestClassifier(500, random_state=seed, n_jobs=2)
        boosting = HistGradientBoostingClassifier(random_state=seed)
    yield "plain random forest", make_pipeline(coded, forest).fit(features, train[target])
    yield "plain histogram boosting", make_pipeline(raw, boosting).fit(features, train[target])


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as the API takes them: plain values, None where one is missing."""
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()} for row in frame.to_dict(orient="records")
    ]


def ours_on_table(
    platform: Platform, *, name: str, algorithm: str, task: str, dataset: str, target: str, rows: list[dict[str, Any]]
) -> dict[str, list[Any]]:
    """Train one of our services over HTTP and predict the rows kept apart."""
    model = platform.make_model(name=f"{name} {algorithm}", algorithm=algorithm, task=task, target=target)
    platform.train(model, dataset)
    return platform.predict(model, rows)


def tabular_scores(platform: Platform, table: str, splits: int) -> Iterator[Score]:
    """Score ours and the peers on repeated splits of one table."""
    filename, task = TABLES[table]
    frame = pd.read_csv(SHARED_DATA / "tabular" / filename)
    target = str(frame.columns[-1]) if table != "telco_churn" else "Churn"
    cut: Any = ShuffleSplit(splits, test_size=0.25, random_state=1)
    if task is None:
        cut = StratifiedShuffleSplit(splits, test_size=0.25, random_state=1)
    for number, (left, right) in enumerate(cut.split(frame, frame[target])):
        train, apart = frame.iloc[left], frame.iloc[right]
        dataset = platform.upload(
            name=f"{table} {number}", content=train.to_csv(index=False).encode(), filename=f"{table}.csv"
        )
        rows = records(apart.drop(columns=target))
        positive = max(frame[target].unique())
        truth = apart[target].to_numpy() if task else (apart[target] == positive).to_numpy().astype(int)
        for algorithm in ("random_forest", "gradient_boosting", "xgboost"):
            answers = ours_on_table(
                platform, name=f"{table} {number}", algorithm=algorithm, task=task or "classification",
                dataset=dataset, target=target, rows=rows,
            )  # fmt: skip
            yield Score(table, number, f"ours: {algorithm}", _ours(answers, truth, task, str(positive)))
        for who, fitted in peers_of_table(task, train, target, number):
            features = apart.drop(columns=target)
            if task:
                yield Score(table, number, who, regression_metrics(truth, fitted.predict(features)))
            else:
                probability = fitted.predict_proba(features)[:, list(fitted.classes_).index(positive)]
                yield Score(table, number, who, classification_metrics(truth, probability))


def _ours(answers: dict[str, list[Any]], truth: np.ndarray, task: str | None, positive: str) -> dict[str, float]:
    if task is None:
        return classification_metrics(truth, np.array([d["probabilities"][positive] for d in answers["details"]]))
    low, high = np.array([d["interval"] for d in answers["details"]]).T
    return {
        **regression_metrics(truth, np.array(answers["predictions"])),
        "coverage_of_90": float(((truth >= low) & (truth <= high)).mean()),
        "width_of_90": float((high - low).mean()),
    }


def anomaly_scores(platform: Platform, table: str) -> Iterator[Score]:
    """Score ours and scikit-learn's isolation forest on one labelled table; neither sees the label."""
    with gzip.open(SHARED_DATA / "anomaly" / "adbench" / f"{table}.csv.gz") as file:
        frame = pd.read_csv(io.BytesIO(file.read()))
    features, truth = frame.drop(columns="label"), frame["label"].to_numpy()
    dataset = platform.upload(name=table, content=features.to_csv(index=False).encode(), filename=f"{table}.csv")
    rows = records(features)
    for seed in range(5):
        model = platform.make_model(name=f"{table} {seed}", algorithm="isolation_forest", task="anomaly")
        platform.train(model, dataset, seed=seed)
        found = [detail["score"] for detail in platform.predict(model, rows)["details"]]
        yield Score(table, seed, "ours: isolation_forest", {"roc_auc": float(roc_auc_score(truth, found))})
        plain = IsolationForest(random_state=seed).fit(features)
        score = {"roc_auc": float(roc_auc_score(truth, -plain.score_samples(features)))}
        yield Score(table, seed, "plain isolation forest", score)


def as_markdown(scores: list[Score]) -> str:
    """Return mean ± standard error over the splits, one row a table and model."""
    lines = []
    for table in dict.fromkeys(score.table for score in scores):
        own = [score for score in scores if score.table == table]
        metrics = list(dict.fromkeys(metric for score in own for metric in score.metrics))
        lines += ["", f"| {table} | {' | '.join(metrics)} |", f"|---|{'---|' * len(metrics)}"]
        for who in dict.fromkeys(score.who for score in own):
            cells = []
            for metric in metrics:
                values = np.array([s.metrics[metric] for s in own if s.who == who and metric in s.metrics])
                error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
                cells.append(f"{values.mean():.4f} ± {error:.4f}" if len(values) else "")
            lines.append(f"| {who} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Write the table to the screen and to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--tables", nargs="*", default=[*TABLES, *ANOMALIES])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/quality.md"))
    options = parser.parse_args()
    if not SHARED_DATA.exists():
        parser.exit(message=f"The public tables are expected in {SHARED_DATA}; nothing to measure without them.\n")
    scores: list[Score] = []
    with running_platform() as platform:
        for table in options.tables:
            found = (
                anomaly_scores(platform, table) if table in ANOMALIES else tabular_scores(platform, table, options.splits)
            )
            for score in found:
                print(score, flush=True)
                scores.append(score)
    text = as_markdown(scores)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
