"""Light and native answers on a thousand real rows each, where the public tables lie beside the project."""

import gzip
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from apps.algorithms import catalog
from apps.algorithms.predictors import load_predictor
from apps.algorithms.schema import Column, ColumnKind, Task
from apps.algorithms.table_service import largest_difference
from apps.algorithms.tables import TrainingTable
from apps.datasets.engine.dialect import find_dialect
from apps.datasets.engine.tables import write_table
from tests.contracts.tables import silent

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CASES = [
    ("random_forest", Task.CLASSIFICATION, "tabular/adult_train.csv.gz", "income"),
    ("xgboost", Task.CLASSIFICATION, "tabular/adult_train.csv.gz", "income"),
    ("gradient_boosting", Task.CLASSIFICATION, "tabular/adult_train.csv.gz", "income"),
    ("gradient_boosting", Task.REGRESSION, "tabular/abalone_regression_train.csv.gz", "rings"),
    ("random_forest", Task.REGRESSION, "tabular/abalone_regression_train.csv.gz", "rings"),
    ("xgboost", Task.REGRESSION, "tabular/abalone_regression_train.csv.gz", "rings"),
    ("svm", Task.CLASSIFICATION, "tabular/adult_train.csv.gz", "income"),
    ("dbscan", Task.CLUSTERING, "tabular/bank_marketing_train.csv.gz", None),
    ("isolation_forest", Task.ANOMALY, "tabular/bank_marketing_train.csv.gz", None),
]

_LEARNED = 4_500  # rows: more than a support vector machine learns from without landmarks

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.exists(), reason="the public tables are not here")]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str | None], TrainingTable]:
    """Return a reader of public tables, each read once."""

    @cache
    def table(file: str, target: str | None) -> TrainingTable:
        return real_table(file, target, tmp_path_factory.mktemp("real"))

    return table


def real_table(file: str, target: str | None, folder: Path) -> TrainingTable:
    """Read a public table as an upload is read."""
    (folder / "upload").write_bytes(gzip.decompress((DATA / file).read_bytes()))
    copied = write_table(find_dialect(folder / "upload", folder / "utf8"), folder / "table.parquet")
    columns = [Column(name, ColumnKind(kind)) for name, kind in copied.kinds.items()]
    return TrainingTable.from_parquet(folder / "table.parquet", columns=columns, target=target)


@pytest.mark.parametrize(("slug", "task", "file", "target"), CASES, ids=str)
def test_the_light_predictor_agrees_on_a_thousand_real_rows(
    slug: str, task: Task, file: str, target: str | None, tmp_path: Path, read: Callable[[str, str | None], TrainingTable]
) -> Any:
    split = read(file, target).split(task=task, test_share=0.35, seed=2)
    kind = catalog.get(slug)
    own = {parameter.name for parameter in kind.hyperparameters}
    few = {name: value for name, value in {"n_estimators": 60, "landmarks": 200}.items() if name in own}
    service = kind(task=task, parameters=few, seed=1, threads=2)
    service.fit(service.sample(split.train, _LEARNED), silent)
    (tmp_path / "light").mkdir()
    service.predictor(tmp_path / "light")
    rows = split.test.records(1_000)
    texts = [c.name for c in split.test.features if c.kind == ColumnKind.CATEGORY]
    for row in rows[::9]:
        row[texts[0]] = "never seen"
    for row in rows[::7]:
        row[texts[0]] = None

    native, light = service.predict(rows), load_predictor(tmp_path / "light").predict(rows)

    assert len(rows) == 1_000
    assert largest_difference(native, light) <= 1e-5
    assert any(details.get("warnings") for details in light.details)
