"""Density clusters."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from apps.algorithms.encoded import Encoded
from apps.algorithms.hyperparameters import Hyperparameter
from apps.algorithms.predictors.density import DensityPredictor
from apps.algorithms.predictors.finish import Doubles, Finish
from apps.algorithms.predictors.scaling import scaled, scaling_of
from apps.algorithms.predictors.table import TablePredictor
from apps.algorithms.results import Importance, Progress, StoredPredictor
from apps.algorithms.schema import Task
from apps.algorithms.table_service import TableService
from apps.core.errors import InvalidInput

if TYPE_CHECKING:
    from apps.algorithms.tables import TrainingTable

_LEAST_SAMPLES, _MOST_SAMPLES = 5, 50
_SHARES = (0.25, 0.5, 0.75, 1.0)  # of the rows, for the live curve
_SHUFFLES = 5
_LEAST_SHUFFLED, _MOST_SHUFFLED = 100, 2_000  # rows
_IMPORTANCE_WORK = 4_000_000_000  # differences squared for the importance: some ten seconds of one core


class DBSCANService(TableService):
    """Rows that lie densely together are a cluster; what is near none of them is noise."""

    slug: ClassVar[str] = "dbscan"
    title: ClassVar[str] = "DBSCAN"
    summary: ClassVar[str] = "Finds groups of any shape, as many as there are, and rows that belong to none."
    tasks: ClassVar[tuple[Task, ...]] = (Task.CLUSTERING,)
    needs_target: ClassVar[bool] = False
    learns_again_up_to: ClassVar[float] = 0  # what is measured is told of the very model that answers
    reference: ClassVar[str] = "Ester, M. et al. (1996). A Density-Based Algorithm for Discovering Clusters. KDD, 226-231."
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter(
            "eps", "number", None, "Reach", "How near neighbours are, in standard deviations; empty: from the data.",
            1e-6, 1e6, nullable=True,
        ),
        Hyperparameter(
            "min_samples", "integer", None, "Neighbours of a dense row", "Empty: twice the columns, at least 5.",
            2, 1_000, nullable=True,
        ),
    )  # fmt: skip
    predictors: ClassVar[tuple[type[StoredPredictor], ...]] = (DensityPredictor,)
    light_form: ClassVar[type[TablePredictor]] = DensityPredictor
    light: DensityPredictor

    def _learn(self, data: Encoded, progress: Progress) -> TablePredictor:
        from apps.algorithms.engine import density

        matrix = data.matrix
        chance = np.random.default_rng(self.seed)
        if len(matrix) > density.MOST_ROWS:
            matrix = matrix[np.sort(chance.choice(len(matrix), density.MOST_ROWS, replace=False))]
            self.warnings += (f"It learned from {density.MOST_ROWS} rows, drawn at random: more take it too long.",)
        means, scales = scaling_of(matrix, keep_flags=True)
        rows = scaled(matrix, means, scales)
        columns = len(data.schema.columns)
        wanted = self.parameters["min_samples"] or int(np.clip(2 * columns, _LEAST_SAMPLES, _MOST_SAMPLES))
        reach = self.parameters["eps"] or density.suggested_reach(rows, min_samples=wanted, seed=self.seed)
        shuffled = chance.permutation(len(rows))
        for share in _SHARES:
            some = rows if share == 1.0 else rows[shuffled[: max(2, int(len(rows) * share))]]
            dense = density.samples_for(len(some), min_samples=wanted, learned=len(rows))
            found = density.find_clusters(some, reach=reach, min_samples=dense, threads=self.threads)
            shown = {"clusters": float(found.count), "noise_share": found.noise_share}
            progress(0.05 + 0.9 * share, "fitting", step=len(some), metrics=shown)
        if not found.count:
            raise InvalidInput(
                f"No row has {wanted} neighbours within {reach:.4g}, so there is no group. "
                "Give a longer reach, or fewer neighbours of a dense row."
            )
        if found.count == 1:
            self.warnings += ("There is one group only. Give a shorter reach to tell more groups apart.",)
        return DensityPredictor(
            **data.common(), finish=Finish("identity", (0.0, 0.0)), cores=rows[found.cores], labels=found.labels[found.cores],
            means=means, scales=scales, reach=reach, min_samples=wanted, learned=len(rows),
        )  # fmt: skip

    def _importance(self, table: "TrainingTable") -> Importance:
        """Say in how many rows the cluster changes when a column's values are dealt out anew (Breiman 2001)."""
        from apps.algorithms.engine.growth import spread_rows

        light, chance = self.light, np.random.default_rng(self.seed)
        work = len(light.cores) * len(light.means) * _SHUFFLES
        most = int(np.clip(_IMPORTANCE_WORK // work, _LEAST_SHUFFLED, _MOST_SHUFFLED))
        rows = light.places(self._matrix(table.take(spread_rows(table.rows, most))))
        squares = light.squares(rows)
        before, at, told = light.nearest_clusters(squares), 0, []
        for encoding in light.encoder.encodings:
            own = slice(at, at := at + len(encoding.features))
            others = squares - _squares(rows[:, own], light.cores[:, own])
            changed = []
            for _ in range(_SHUFFLES):
                dealt = others + _squares(rows[chance.permutation(len(rows)), own], light.cores[:, own])
                changed.append(float((light.nearest_clusters(dealt) != before).mean()))
            told.append((encoding.column, float(np.mean(changed)), float(np.std(changed))))
        method = f"share of rows whose group changes without the column ({_SHUFFLES} shuffles, {len(rows)} rows)"
        return Importance(method, tuple(sorted(told, key=lambda one: -one[1])), rows=len(rows))


def _squares(rows: Doubles, cores: Doubles) -> Doubles:
    """Return the squared distances of rows to cores (rows x cores) in a few features."""
    found = np.zeros((len(rows), len(cores)))
    for mine, theirs in zip(rows.T, cores.T, strict=True):
        found += (mine[:, None] - theirs) ** 2
    return found
