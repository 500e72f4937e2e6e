"""Find density clusters, and the distance between neighbours that suits the data."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors

from apps.algorithms.predictors.density import NOISE
from apps.algorithms.predictors.finish import Doubles

MOST_ROWS = 12_000  # to learn from: every pair of neighbours is held in memory
_ASKED = 3_000  # rows whose neighbours suggest a reach
_COMPARED = 1_500  # rows on which reaches are tried
_SHARES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0)
_CLEAR = 0.1  # less than this of `validity` is no structure: uniform rows reach about as much
_TINY = 1e-12

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Clusters:
    """`labels` of every row, the largest cluster first, `NOISE` for none; `cores` are the numbers of the dense rows."""

    labels: Labels
    cores: npt.NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max(initial=NOISE)) + 1

    @property
    def noise_share(self) -> float:
        """Share of rows in no cluster."""
        return float((self.labels == NOISE).mean())


def find_clusters(rows: Doubles, *, reach: float, min_samples: int, threads: int = 1) -> Clusters:
    """Cluster rows: dense rows within `reach` of one another, and what they reach (Ester et al. 1996)."""
    found = DBSCAN(eps=reach, min_samples=min_samples, n_jobs=threads).fit(rows)
    sizes = np.bincount(found.labels_[found.labels_ >= 0], minlength=1)
    place = np.empty(len(sizes), dtype=np.int64)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    labels = np.where(found.labels_ >= 0, place[found.labels_], NOISE)
    return Clusters(labels, found.core_sample_indices_.astype(np.int64))


def suggested_reach(rows: Doubles, *, min_samples: int, seed: int) -> float:
    """Return a reach that sets clusters well apart, taken from the distances of rows to their `min_samples`-th neighbour.

    Tried on some rows are several shares of these distances; the one that gives the most valid clusters is taken. Where none
    gives any, it is the knee of the sorted distances (Satopää et al. 2011): the rows are one group then, or noise.
    """
    chance = np.random.default_rng(seed)
    some = rows[chance.permutation(len(rows))[:_COMPARED]]
    tried = _neighbour_distances(some, some, min_samples)
    scores = [_score(some, float(np.quantile(tried, share)), min_samples) for share in _SHARES]
    distances = _neighbour_distances(rows, rows[chance.permutation(len(rows))[:_ASKED]], min_samples)
    best = int(np.argmax(scores))
    reach = float(np.quantile(distances, _SHARES[best])) if scores[best] >= _CLEAR else _knee(distances)
    return reach or float(distances[-1]) or 1.0


def validity(rows: Doubles, labels: Labels) -> float:
    """Return how far clusters lie apart beside the widest gap within them, from -1 to 1 (after Moulavi et al. 2014).

    A cluster counts by its rows; noise lowers it; fewer than two clusters are worth -1.
    """
    clusters = [rows[labels == cluster] for cluster in range(int(labels.max(initial=NOISE)) + 1)]
    if len(clusters) < 2:
        return -1.0
    found = 0.0
    for number, own in enumerate(clusters):
        gap = float(minimum_spanning_tree(cdist(own, own)).data.max(initial=0.0))
        apart = min(float(cdist(own, other).min()) for other in clusters[:number] + clusters[number + 1 :])
        found += len(own) * (apart - gap) / max(apart, gap, _TINY)
    return found / len(rows)


def _score(rows: Doubles, reach: float, min_samples: int) -> float:
    return validity(rows, find_clusters(rows, reach=reach, min_samples=min_samples).labels) if reach > 0 else -1.0


def _neighbour_distances(rows: Doubles, asked: Doubles, min_samples: int) -> Doubles:
    nearest = NearestNeighbors(n_neighbors=min(min_samples, len(rows))).fit(rows)
    found: Doubles = np.sort(nearest.kneighbors(asked)[0][:, -1])
    return found


def _knee(distances: Doubles) -> float:
    low, high = distances[0], distances[-1]
    if high <= low:
        return float(high)
    bend = np.linspace(0.0, 1.0, len(distances)) - (distances - low) / (high - low)
    return float(distances[int(bend.argmax())])


def samples_for(rows: int, *, min_samples: int, learned: int) -> int:
    """Return how many neighbours make a row dense among fewer rows of the same data."""
    return max(2, round(min_samples * rows / learned))
