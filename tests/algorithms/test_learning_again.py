"""Once measured, a service over a table learns from every row; boosting with what held-back rows told it before."""

from typing import Any

import numpy as np
import pytest

from apps.algorithms import catalog
from apps.algorithms.engine.boosting_sklearn import HistogramRounds
from apps.algorithms.engine.boosting_xgboost import XGBoostRounds
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.tables import TrainingTable
from tests.contracts.tables import silent

FAST: dict[str, dict[str, Any]] = {
    "gradient_boosting": {"n_estimators": 30, "early_stopping_rounds": 5, "learning_rate": 0.3},
    "xgboost": {"n_estimators": 30, "early_stopping_rounds": 5, "learning_rate": 0.3},
}


def table_of(rows: int, *, target: Any = None) -> TrainingTable:
    chance = np.random.default_rng(0)
    x = chance.normal(size=(rows, 2))
    late = np.where(x[:, 0] + 0.5 * chance.normal(size=rows) > 0, "late", "paid").astype(object)
    columns = {"x0": x[:, 0], "x1": x[:, 1]}
    kinds = tuple(Column(name, ColumnKind.NUMBER) for name in columns)
    return TrainingTable(kinds, columns, rows, late if target is None else target, "state", ColumnKind.CATEGORY)


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many rows each fit of a boosting library learned from."""
    seen: list[int] = []
    for library in (HistogramRounds, XGBoostRounds):

        def fit(self: Any, left: Any, *args: Any, _own: Any = library.fit, **kwargs: Any) -> Any:
            seen.append(len(left))
            return _own(self, left, *args, **kwargs)

        monkeypatch.setattr(library, "fit", fit)
    return seen


@pytest.mark.parametrize("slug", list(FAST))
class TestBoosting:
    def test_it_fits_once_more_with_what_was_found(self, slug, fits):
        data = table_of(400)
        service = catalog.get(slug)(task=Task.CLASSIFICATION, parameters=FAST[slug], seed=0)
        split = service.split(data, test_share=0.2)
        service.fit(split.train, silent)
        before, found = service.light, service.calibration
        fits.clear()

        service.fit_again(data, silent)

        assert fits == [400]
        assert service.calibration == found
        assert service.light.sets == before.sets
        assert len(service.light.trees.roots) == found.rounds
        assert not np.array_equal(*(light.raw(service._matrix(split.test)) for light in (before, service.light)))

    def test_a_new_fit_forgets_what_an_earlier_one_found(self, slug, fits):
        service = catalog.get(slug)(task=Task.CLASSIFICATION, parameters=FAST[slug], seed=0)
        service.fit(table_of(200), silent)
        fits.clear()

        service.fit(table_of(300), silent)

        assert fits == [240] * 5 + [300]

    def test_classes_that_were_not_there_before_are_learned_from_the_start(self, slug, fits):
        target = np.where(np.arange(300) % 3 == 0, "late", "paid").astype(object)
        service = catalog.get(slug)(task=Task.CLASSIFICATION, parameters=FAST[slug], seed=0)
        service.fit(table_of(300, target=target), silent)
        more = target.copy()
        more[:30] = "unknown"
        fits.clear()

        service.fit_again(table_of(300, target=more), silent)

        assert service.schema.classes == ("late", "paid", "unknown")
        assert len(service.light.sets.least) == 3
        assert len(fits) == 6


@pytest.mark.parametrize(
    ("slug", "rows", "share"),
    [
        ("svm", 400, 1.0),
        ("random_forest", 60_000, 0.0),
        ("xgboost", 400, 1 / 6),
        ("xgboost", 9_000, 1.0),
        ("dbscan", 9, 0.0),
    ],
)
def test_what_it_takes_is_known_ahead(slug, rows, share):
    assert catalog.get(slug).cost_of_learning_again(rows) == pytest.approx(share)


def test_who_learns_again():
    of_tables = {entry.slug: entry.learns_again_up_to for entry in catalog.entries() if entry.input_kind == "table"}

    assert {slug for slug, most in of_tables.items() if most} == {"gradient_boosting", "random_forest", "svm", "xgboost"}
    assert all(entry.learns_again_up_to == float("inf") for entry in catalog.entries() if entry.input_kind == "series")


def test_a_class_of_one_row_that_was_kept_apart_is_learned_like_the_others():
    """The first fit refuses such a class; the last one comes after the model was measured, and must not."""
    data = table_of(200)
    assert data.target is not None
    data.target[199] = "unheard of"
    service = catalog.get("random_forest")(task=Task.CLASSIFICATION, parameters={"n_estimators": 10}, seed=0)
    service.fit(data.take(np.arange(160)), silent)

    service.fit_again(data, silent)

    assert service.schema.classes == ("late", "paid", "unheard of")
    assert "never measured: 'unheard of'" in service.warnings[-1]
