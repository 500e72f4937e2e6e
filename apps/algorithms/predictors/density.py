"""The light predictor of density clusters: a row belongs to the cluster of the nearest dense row within reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.arrays import bytes_of, load_arrays, save_arrays
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles
from apps.algorithms.predictors.scaling import scaled
from apps.algorithms.predictors.table import TablePredictor

NOISE = -1
_ARRAYS = ("cores", "labels", "means", "scales")
_AT_ONCE = 4_000_000  # distances held in memory


@dataclass(frozen=True, kw_only=True)
class DensityPredictor(TablePredictor):
    """Distances to the `cores` (cores x features), the dense rows, each of a cluster (`labels`); `reach` is DBSCAN's eps.

    The raw outputs are the squared distance to the nearest core, and its cluster. `learned` rows with `min_samples`
    neighbours each made the cores.
    """

    kind: ClassVar[str] = "density"
    method: ClassVar[str] = "exact parts of a squared distance"

    cores: Doubles
    labels: npt.NDArray[np.int64]
    means: Doubles
    scales: Doubles
    reach: float
    min_samples: int
    learned: int

    @property
    def _own_bytes(self) -> int:
        """Bytes of its arrays."""
        return bytes_of(self, _ARRAYS)

    def places(self, matrix: Matrix) -> Doubles:
        """Return encoded rows on the scale of the cores."""
        return scaled(matrix, self.means, self.scales)

    def clusters(self, raw: Doubles) -> npt.NDArray[np.int64]:
        """Return each row's cluster, `NOISE` where no core is within reach."""
        return np.where(raw[:, 0] <= self.reach**2, raw[:, 1], NOISE).astype(np.int64)

    def raw(self, matrix: Matrix) -> Doubles:
        """Return squared distance and cluster of the nearest core (rows x 2)."""
        return self.raw_of_places(self.places(matrix))

    def raw_of_places(self, rows: Doubles) -> Doubles:
        """Return what `raw` does, of rows on the scale of the cores."""
        nearest = self._nearest(rows)
        squares = ((rows - self.cores[nearest]) ** 2).sum(axis=1)
        return np.column_stack([squares, self.labels[nearest].astype(np.float64)])

    def expected(self, *, output: int) -> float:
        """Return 0: a row that is the core itself."""
        return 0.0

    def parts(self, row: Matrix, *, output: int) -> Doubles:
        """Return what each feature adds to the squared distance to the nearest core."""
        place = self.places(row[None, :])
        found: Doubles = (place[0] - self.cores[self._nearest(place)[0]]) ** 2
        return found

    def squares(self, rows: Doubles) -> Doubles:
        """Return the squared distances of rows on the scale of the cores to each core (rows x cores)."""
        found: Doubles = (rows**2).sum(axis=1)[:, None] + self._sizes - 2 * rows @ self.cores.T
        return found

    def nearest_clusters(self, squares: Doubles) -> npt.NDArray[np.int64]:
        """Return the cluster of each row from its squared distances to the cores."""
        nearest = squares.argmin(axis=1)
        found = np.column_stack([np.take_along_axis(squares, nearest[:, None], axis=1)[:, 0], self.labels[nearest]])
        return self.clusters(found)

    def _nearest(self, rows: Doubles) -> npt.NDArray[np.int64]:
        portion = max(1, _AT_ONCE // len(self.cores))
        starts = [*range(0, len(rows), portion), len(rows)]
        found = [(self._sizes - 2 * rows[left:right] @ self.cores.T).argmin(axis=1) for left, right in pairwise(starts)]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    @cached_property
    def _sizes(self) -> Doubles:
        sizes: Doubles = (self.cores**2).sum(axis=1)
        return sizes

    def _save_arrays(self, folder: Path) -> dict[str, Any]:
        save_arrays(self, _ARRAYS, folder)
        return {"reach": self.reach, "min_samples": self.min_samples, "learned": self.learned}

    @classmethod
    def _load_arrays(cls, folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
        arrays = load_arrays(_ARRAYS, folder)
        return {**arrays, **{name: facts[name] for name in ("reach", "min_samples", "learned")}}
