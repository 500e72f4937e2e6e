"""What a data scientist would fit by hand: the libraries' defaults, and a histogram boosting whose settings were searched."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import loguniform, uniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GroupKFold, KFold, RandomizedSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier, XGBRegressor

from benchmarks.quality.tables import Part

DRAWS, FOLDS = 30, 3
MOST_ROWS_OF_SVM = 6_000  # its time grows with their square
FOREST, BOOSTING, XGBOOST, SVM = "plain random forest", "plain histogram boosting", "plain XGBoost", "plain SVM"
TUNED = "tuned histogram boosting"
_JOBS = 2

Fitted = Any


def _texts(part: Part) -> list[str]:
    return part.train[part.features].select_dtypes(exclude="number").columns.tolist()


def _coded(part: Part, numbers: Any = "passthrough") -> Any:
    """Return categories as ordinal codes, first, then numbers."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    return make_column_transformer((codes, _texts(part)), remainder=numbers)


def _forest(part: Part, seed: int) -> Any:
    kind = RandomForestClassifier if part.of.classes else RandomForestRegressor
    return make_pipeline(_coded(part, SimpleImputer(strategy="median")), kind(random_state=seed, n_jobs=_JOBS))


def _boosting(part: Part, seed: int) -> Any:
    kind = HistGradientBoostingClassifier if part.of.classes else HistGradientBoostingRegressor
    return make_pipeline(_coded(part), kind(random_state=seed))


def _xgboost(part: Part, seed: int) -> Any:
    kind = XGBClassifier if part.of.classes else XGBRegressor
    return make_pipeline(_coded(part), kind(random_state=seed, n_jobs=_JOBS))


def _svm(part: Part, seed: int) -> Any:
    places = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    spread = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), _texts(part)), remainder=places)
    return make_pipeline(spread, CalibratedClassifierCV(SVC(random_state=seed), ensemble=False))


def _tuned(part: Part, seed: int) -> Any:
    """Return a search over 30 draws by log loss (classes) or squared error, each over three folds."""
    kind = HistGradientBoostingClassifier if part.of.classes else HistGradientBoostingRegressor
    name = kind.__name__.lower()
    drawn = {
        "learning_rate": loguniform(0.01, 0.3),
        "max_iter": _whole(50, 500),
        "max_leaf_nodes": _whole(4, 128),
        "min_samples_leaf": _whole(2, 100),
        "l2_regularization": loguniform(1e-3, 100.0),
        "max_features": uniform(0.2, 0.8),
        "categorical_features": [None, list(range(len(_texts(part))))],
    }
    folds: Any = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    if part.of.group:
        folds = GroupKFold(FOLDS)
    elif not part.of.classes:
        folds = KFold(FOLDS, shuffle=True, random_state=seed)
    return RandomizedSearchCV(
        make_pipeline(_coded(part), kind(early_stopping=False, random_state=seed)),
        {f"{name}__{setting}": values for setting, values in drawn.items()},
        n_iter=DRAWS,
        cv=folds,
        scoring="neg_log_loss" if part.of.classes else "neg_mean_squared_error",
        n_jobs=_JOBS,
        random_state=seed,
    )


def _whole(low: int, high: int) -> list[int]:
    """Return whole numbers as often as a log-uniform draw takes them."""
    found: list[int] = np.geomspace(low, high, 200).round().astype(int).tolist()
    return found


PEERS: dict[str, Callable[[Part, int], Any]] = {
    FOREST: _forest,
    BOOSTING: _boosting,
    XGBOOST: _xgboost,
    SVM: _svm,
    TUNED: _tuned,
}


def peers_for(part: Part) -> list[str]:
    """Return the peers for a table: a support vector machine on few rows with classes only."""
    fits_svm = part.of.classes and len(part.train) <= MOST_ROWS_OF_SVM
    return [who for who in PEERS if who != SVM or fits_svm]


def fit(who: str, part: Part, *, seed: int) -> Fitted:
    """Fit a peer on the rows to learn from."""
    told = {"groups": part.train[part.of.group]} if who == TUNED and part.of.group else {}
    return PEERS[who](part, seed).fit(part.train[part.features], part.truth(part.train), **told)
