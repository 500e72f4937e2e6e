"""Isolation forest."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.encoded import Encoded
from apps.algorithms.hyperparameters import Hyperparameter
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles, Finish, Tail
from apps.algorithms.results import Progress
from apps.algorithms.schema import Task
from apps.algorithms.tree_service import Fitted, TreeService, portions

_EULER = 0.5772156649015329
_QUANTILES = 1_001


class IsolationForestService(TreeService):
    """Rows that random cuts set apart early are unusual; no labels are needed, and none are used to learn."""

    slug: ClassVar[str] = "isolation_forest"
    title: ClassVar[str] = "Isolation forest"
    summary: ClassVar[str] = "Finds unusual rows without labels; you say what share may alert."
    tasks: ClassVar[tuple[Task, ...]] = (Task.ANOMALY,)
    needs_target: ClassVar[bool] = False
    learns_again_up_to: ClassVar[float] = 0  # what is measured is told of the very model that answers
    library: ClassVar[str] = "sklearn"
    reference: ClassVar[str] = "Liu, F. T., Ting, K. M., Zhou, Z.-H. (2008). Isolation Forest. ICDM, 413-422."
    fast_parameters = {"n_estimators": 50}
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("n_estimators", "integer", 300, "Trees", "More are steadier and slower.", 10, 2_000),
        Hyperparameter("max_samples", "integer", 256, "Rows a tree", "Small samples isolate best.", 16, 100_000),
        Hyperparameter("alert_share", "number", 0.01, "Share of usual rows that may alert", "", 0.0001, 0.5),
    )

    def _fit_trees(self, data: Encoded, progress: Progress) -> Fitted:
        from sklearn.ensemble import IsolationForest

        from apps.algorithms.engine.flatten import flat_isolation

        matrix = data.matrix
        samples = min(self.parameters["max_samples"], len(matrix))
        forest = IsolationForest(
            n_estimators=1, max_samples=samples, n_jobs=self.threads, random_state=self.seed, warm_start=True
        )
        self._grow(forest, matrix, progress)
        trees = flat_isolation(forest, expected_path)
        finish = Finish("isolation", (0.0,), 1.0 / len(forest.estimators_), float(expected_path(np.array([samples]))[0]))
        scores = np.exp2(-trees.sums(matrix)[:, 0] * finish.scale / finish.path_norm)
        quantiles = np.quantile(scores, np.linspace(0, 1, min(_QUANTILES, len(scores))))
        threshold = float(np.quantile(scores, 1 - self.parameters["alert_share"]))
        progress(0.9, "fitting")
        return Fitted(forest, trees, finish, tail=Tail(threshold, tuple(quantiles.tolist())))

    def _grow(self, forest: Any, matrix: Matrix, progress: Progress) -> None:
        from apps.algorithms.engine.growth import PathLengths

        wanted, before = self.parameters["n_estimators"], 0
        lengths = PathLengths(matrix, expected_path)
        for trees in portions(wanted):
            forest.n_estimators = trees
            forest.fit(matrix)
            agreement = lengths.add(zip(forest.estimators_[before:], forest.estimators_features_[before:], strict=True))
            shown = {"score_agreement": agreement} if before else None
            progress(0.02 + 0.78 * trees / wanted, "fitting", step=trees if before else None, metrics=shown)
            before = trees

    def _native_raw(self, matrix: Matrix) -> Doubles:
        scores = -np.asarray(self.native.score_samples(matrix), dtype=np.float64)
        return (-np.log2(scores) * self.light.finish.path_norm)[:, None]

    def _save_native(self, folder: Path) -> None:
        import joblib

        joblib.dump(self.native, folder / "forest.joblib", compress=1)

    def _load_native(self, folder: Path) -> None:
        import joblib

        self.native = joblib.load(folder / "forest.joblib")


def expected_path(rows: npt.NDArray[Any]) -> Doubles:
    """Return the mean depth at which `rows` random values are told apart: c(n) of the paper, 0 for one row, 1 for two."""
    count = np.asarray(rows, dtype=np.float64)
    many = np.maximum(count, 3)
    long = 2.0 * (np.log(many - 1.0) + _EULER) - 2.0 * (many - 1.0) / many
    return np.where(count <= 1, 0.0, np.where(count == 2, 1.0, long))
