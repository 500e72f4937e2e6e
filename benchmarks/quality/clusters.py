"""Groups: our DBSCAN over HTTP beside k-means, which is told how many there are, and the library's density methods."""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.datasets import load_iris, load_wine, make_moons
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.preprocessing import StandardScaler

from benchmarks.platform import SHARED_DATA, Platform
from benchmarks.quality.ledger import Ledger, Score
from benchmarks.quality.tabular import records

OURS, MEANS, PLAIN = "ours: DBSCAN", "k-means, told how many", "plain DBSCAN"
HIERARCHY, BEST = "plain HDBSCAN", "DBSCAN, best settings in hindsight"
PUBLISHED = {"wheat_seeds": {"adjusted_rand": "0.70-0.78 (k-means)"}}
NOISE = -1
_QUANTILES = np.linspace(0.005, 0.6, 60)
_NEIGHBOURS = (2, 3, 4, 5, 7, 10, 14, 20, 30)

Labels = npt.NDArray[np.int64]
Rows = tuple[pd.DataFrame, Labels]


def _seeds(_split: int) -> Rows:
    frame = pd.read_csv(SHARED_DATA / "cluster" / "wheat_seeds.csv")
    return frame.drop(columns="label"), frame["label"].to_numpy()


def _moons(split: int) -> Rows:
    rows, labels = make_moons(600, noise=0.06, random_state=split)
    return pd.DataFrame(rows, columns=["x", "y"]), labels


def _carried(load: Callable[..., tuple[pd.DataFrame, pd.Series]]) -> Callable[[int], Rows]:
    def rows(_split: int) -> Rows:
        found, labels = load(return_X_y=True, as_frame=True)
        return found, labels.to_numpy()

    return rows


TABLES: dict[str, Callable[[int], Rows]] = {
    "wheat_seeds": _seeds,
    "iris": _carried(load_iris),
    "wine_cultivars": _carried(load_wine),
    "two_moons": _moons,
}


def score_seed(platform: Platform, ledger: Ledger, table: str, split: int) -> None:
    """Measure with one seed whatever the ledger does not have; rows in no group count as a group of their own."""
    rows, truth = TABLES[table](split)
    places = StandardScaler().fit_transform(rows)
    count = len(set(truth.tolist()))
    found: dict[str, Callable[[], Labels]] = {
        OURS: lambda: _ours(platform, f"{table} {split}", rows, split),
        MEANS: lambda: KMeans(count, n_init=10, random_state=split).fit_predict(places),
        PLAIN: lambda: DBSCAN().fit_predict(places),
        HIERARCHY: lambda: HDBSCAN(copy=True).fit_predict(places),
        BEST: lambda: _in_hindsight(places, truth),
    }
    for who in ledger.missing(table, split, found):
        began, note = time.monotonic(), ""
        try:
            labels = found[who]()
        except RuntimeError as refused:
            labels, note = np.full(len(rows), NOISE), str(refused)
        told = {
            "adjusted_rand": float(adjusted_rand_score(truth, labels)),
            "groups": float(len(set(labels.tolist()) - {NOISE})),
            "noise_share": float((labels == NOISE).mean()),
        }
        ledger.note(Score(table, split, who, told, len(rows), len(rows), time.monotonic() - began, note))


def _ours(platform: Platform, name: str, rows: pd.DataFrame, seed: int) -> Labels:
    dataset = platform.upload(name=name, content=rows.to_csv(index=False).encode(), filename="rows.csv")
    model = platform.make_model(name=name, algorithm="dbscan", task="clustering")
    platform.train(model, dataset, seed=seed)
    return np.array(platform.predict(model, records(rows))["predictions"], dtype=np.int64)


def _in_hindsight(places: npt.NDArray[np.float64], truth: Labels) -> Labels:
    """Return the groups of those settings that come nearest to the truth: no density method could know them."""
    apart = pairwise_distances(places)
    reaches = np.quantile(apart[apart > 0], _QUANTILES)
    tried = [
        DBSCAN(eps=reach, min_samples=few, metric="precomputed").fit_predict(apart)
        for reach in reaches
        for few in _NEIGHBOURS
    ]
    return max(tried, key=lambda labels: adjusted_rand_score(truth, labels))
