"""What the algorithms say of themselves while they learn and explain, on a French page."""

import pytest
from django.utils import translation

from apps.algorithms import catalog
from apps.algorithms.base import BaseMLService
from apps.algorithms.schema import Task
from apps.dashboard.words import CURVES, MEASURES, METRICS, translated
from tests.contracts.series import weekly_series
from tests.contracts.tables import mixed_table

pytestmark = pytest.mark.slow
CASES = [(service, task) for service in catalog.entries() for task in service.tasks]


@pytest.mark.parametrize(("service", "task"), CASES, ids=[f"{service.slug}-{task}" for service, task in CASES])
def test_curves_metrics_and_methods_have_their_french(service: type[BaseMLService], task: Task):
    curves: set[str] = set()
    data = weekly_series() if task == Task.FORECAST else mixed_table(task)
    model = service(task=task, parameters=dict(service.fast_parameters), seed=5)
    apart = model.split(data, test_share=0.2).test
    model.fit(model.split(data, test_share=0.2).train, lambda *_said, metrics=None, **_more: curves.update(metrics or ()))
    explained = model.explain([] if task == Task.FORECAST else data.records(1))[0]

    assert curves <= {*CURVES, *METRICS}
    assert {MEASURES.get(task, {}).get(curve, curve) for curve in curves} <= set(METRICS)  # the title of the axis
    assert set(model.evaluate(apart).metrics) <= set(METRICS)
    with translation.override("fr"):
        assert translated(model.baseline(apart).name) != model.baseline(apart).name
        for method in (explained.method, model.importance(apart).method):
            assert translated(method) != method


def test_the_importance_of_a_forest_too_large_for_its_rows_has_its_french():
    with translation.override("fr"):
        said = translated("mean absolute contribution (exact tree Shapley values of 20 of 300 trees, 100 rows)")

    assert "20 des 300 arbres" in said
