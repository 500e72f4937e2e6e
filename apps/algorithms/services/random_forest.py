"""Random forest."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from apps.algorithms.conformal import conformal_sets, conformal_widths
from apps.algorithms.encoded import Encoded
from apps.algorithms.hyperparameters import Hyperparameter, Range
from apps.algorithms.predictors.encoder import Matrix
from apps.algorithms.predictors.finish import Doubles, Finish
from apps.algorithms.results import Progress
from apps.algorithms.schema import Task
from apps.algorithms.tree_service import FEW_ROWS, Fitted, TreeService, portions

if TYPE_CHECKING:
    from apps.algorithms.engine.growth import OutOfBag


class RandomForestService(TreeService):
    """A forest of trees grown on resampled rows: robust with little tuning; out-of-bag rows give its intervals.

    Of rows in groups or in time, forests of their own that never saw the groups, or the latest rows, give them.
    """

    slug: ClassVar[str] = "random_forest"
    title: ClassVar[str] = "Random forest"
    summary: ClassVar[str] = "A robust first choice for tables: hardly any tuning, honest with few rows."
    tasks: ClassVar[tuple[Task, ...]] = (Task.CLASSIFICATION, Task.REGRESSION)
    library: ClassVar[str] = "sklearn"
    reference: ClassVar[str] = "Breiman, L. (2001). Random Forests. Machine Learning 45, 5-32."
    fast_parameters = {"n_estimators": 30, "max_depth": 8}
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("n_estimators", "integer", 300, "Trees", "More are steadier and slower.", 10, 2_000),
        Hyperparameter("max_depth", "integer", None, "Depth", "Empty: as deep as the data asks.", 1, 60, nullable=True),
        Hyperparameter("min_samples_leaf", "integer", 3, "Rows in a leaf", "More smooth the answers.", 1, 1_000, search=Range(1, 30, log=True)),
        Hyperparameter(
            "max_features", "choice", "auto", "Columns tried at a split",
            "auto: the square root for classes, a third for numbers.", choices=("auto", "sqrt", "third", "all"), search=("sqrt", "third", "all"),
        ),
    )  # fmt: skip

    def _fit_trees(self, data: Encoded, progress: Progress) -> Fitted:
        from apps.algorithms.engine.flatten import flat_forest

        assert data.target is not None
        matrix, target, classes = data.matrix, data.target, data.classes
        forest = self._unfitted(matrix.shape[1], classes)
        out_of_bag = self._grow(forest, matrix, target, classes, progress)
        trees = flat_forest(forest, classes=classes)
        scale = 1.0 / len(forest.estimators_)
        predicted, truth = self._held_back(data) if data.ties.are_there else out_of_bag.predictions()
        if classes:
            return Fitted(
                forest, trees, Finish("probability", (0.0,) * trees.outputs, scale), sets=conformal_sets(predicted, truth)
            )
        return Fitted(forest, trees, Finish("identity", (0.0,), scale), intervals=conformal_widths(predicted[:, 0], truth))

    def _unfitted(self, columns: int, classes: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        chosen = self.parameters["max_features"]
        auto = "sqrt" if classes else "third"
        share = {"sqrt": "sqrt", "third": max(1, round(columns / 3)), "all": None}[auto if chosen == "auto" else chosen]
        return (RandomForestClassifier if classes else RandomForestRegressor)(
            n_estimators=1,
            max_depth=self.parameters["max_depth"],
            min_samples_leaf=self.parameters["min_samples_leaf"],
            max_features=share,
            bootstrap=True,
            warm_start=True,
            n_jobs=self.threads,
            random_state=self.seed,
        )

    def _held_back(self, data: Encoded) -> tuple[Doubles, npt.NDArray[Any]]:
        """Return what forests answered to rows held back, and their truth: a row out of the bag has its like in it."""
        from apps.algorithms.engine.held_back import held_back

        assert data.target is not None
        folds, told, truth = len(data.target) < FEW_ROWS, [], []
        for left, right in held_back(data.target, stratified=data.classes > 0, folds=folds, seed=self.seed, ties=data.ties):
            forest = self._unfitted(data.matrix.shape[1], data.classes)
            forest.set_params(n_estimators=self.parameters["n_estimators"]).fit(data.matrix[left], data.target[left])
            answers = forest.predict_proba if data.classes else forest.predict
            told.append(answers(data.matrix[right]).reshape(len(right), -1))
            truth.append(data.target[right])
        return np.concatenate(told), np.concatenate(truth)

    def _grow(self, forest: Any, matrix: Matrix, target: npt.NDArray[Any], classes: int, progress: Progress) -> "OutOfBag":
        from apps.algorithms.engine.growth import OutOfBag

        wanted, before = self.parameters["n_estimators"], 0
        out_of_bag = OutOfBag(matrix, target, classes=classes)
        for trees in portions(wanted):
            forest.n_estimators = trees
            forest.fit(matrix, target)
            out_of_bag.add(forest.estimators_[before:])
            shown = {"out_of_bag_score": out_of_bag.score()}
            progress(0.02 + 0.93 * trees / wanted, "fitting", step=trees, metrics=shown)
            before = trees
        return out_of_bag

    def _native_raw(self, matrix: Matrix) -> Doubles:
        if self.task == Task.REGRESSION:
            return np.asarray(self.native.predict(matrix), dtype=np.float64)[:, None]
        chances = np.asarray(self.native.predict_proba(matrix), dtype=np.float64)
        return chances[:, 1:] if chances.shape[1] == 2 else chances

    def _save_native(self, folder: Path) -> None:
        import joblib

        joblib.dump(self.native, folder / "forest.joblib", compress=1)

    def _load_native(self, folder: Path) -> None:
        import joblib

        self.native = joblib.load(folder / "forest.joblib")
