"""What a drift check tells of a classifier besides its columns: by real rows, a real training and real labels."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from apps.alerts.models import Alert
from apps.core import clock
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import table_file
from apps.feedback.actions import Verdict, give_many
from apps.monitoring import tasks
from apps.monitoring.actions import start_check
from apps.monitoring.models import DriftReport
from apps.predictions import actions as predictions
from apps.registry.models import RegisteredModel
from apps.registry.selectors import champion_of
from apps.retraining import actions as retraining
from apps.training.actions import start_campaign
from apps.workspaces.access import SYSTEM
from tests.factories import make_model
from tests.forecasts.conftest import few_origins, stores, trained_campaign, upload  # noqa: F401  (fixtures)

Rows = list[dict[str, Any]]


def drawn(count: int, *, seed: int, moved: float = 0.0, together: float = 0.8) -> tuple[Rows, list[str]]:
    """Return rows and their labels: what x says of them is always the same, where x lies is not."""
    chance = np.random.default_rng(seed)
    x = chance.normal(moved, 1.0, count)
    c, d = chance.multivariate_normal([0, 0], [[1, together], [together, 1]], count).T
    likely = 1 / (1 + np.exp(-2.5 * x))
    labels = np.where(chance.random(count) < likely, "yes", "no")
    rows = [{"x": float(x[i]), "c": float(c[i]), "d": float(d[i])} for i in range(count)]
    return rows, labels.tolist()


@pytest.fixture
def classifier(cast, stores) -> RegisteredModel:  # noqa: F811
    """Return a model of three columns with one live version, trained by the real engine."""
    rows, labels = drawn(4_000, seed=0)
    lines = [f"{row['x']},{row['c']},{row['d']},{label}" for row, label in zip(rows, labels, strict=True)]
    version = upload(cast, "\n".join(["x,c,d,late", *lines]) + "\n", name="late.csv")
    model = make_model(
        cast.acme, target="late", algorithm="xgboost", parameters={"n_estimators": 40, "max_depth": 3}, frozen_share=0.0
    )
    campaign = trained_campaign(start_campaign(model=model, dataset_version=version, actor=SYSTEM).pk)
    assert campaign.status == "completed", campaign.error
    return model


def ask(model: RegisteredModel, rows: Rows) -> list[str]:
    """Have the model answer; return the ids of its answers."""
    ids: list[str] = []
    for at in range(0, len(rows), 500):
        ids += predictions.predict(model_id=model.pk, rows=rows[at : at + 500], actor=SYSTEM).prediction_ids
    predictions.recorder.flush()
    return ids


def say(model: RegisteredModel, ids: list[str], labels: list[str]) -> None:
    """Tell what was true, one by one."""
    verdicts = [Verdict(one, label=label) for one, label in zip(ids, labels, strict=True)]
    give_many(model=model, verdicts=verdicts, source="api", actor=SYSTEM)


def checked(model: RegisteredModel) -> DriftReport:
    report = start_check(model=model, actor=SYSTEM)
    tasks.run_check(str(report.pk))
    report.refresh_from_db()
    assert report.status == "completed", report.error
    return report

def measure(report, name="accuracy"):
    return next(one for one in report.estimate["measures"] if one["measure"] == name)


@pytest.mark.parametrize("alg", ["xgboost", "random_forest", "svm"])
def test_x(alg, cast, stores):
    import time
    rows, labels = drawn(4_000, seed=0)
    lines = [f"{row['x']},{row['c']},{row['d']},{label}" for row, label in zip(rows, labels, strict=True)]
    version = upload(cast, "\n".join(["x,c,d,late", *lines]) + "\n", name="late.csv")
    classifier = make_model(cast.acme, target="late", algorithm=alg, frozen_share=0.0)
    t=time.time()
    campaign = trained_campaign(start_campaign(model=classifier, dataset_version=version, actor=SYSTEM).pk)
    print(alg, "trained", time.time()-t)
    for alg_seed, moved in ((1,0.0),(2,0.7),(3,-1.0),(4,1.5)):
        rows, labels = drawn(2_000, seed=alg_seed, moved=moved)
        ids = ask(classifier, rows)
        r = checked(classifier)
        say(classifier, ids, labels)
        tasks.hold_estimates()
        r.refresh_from_db()
        print(moved, [(o["measure"], round(o["expected"],3), round(o["labelled"],3), round(o["spread"],3),o["is_contradicted"]) for o in r.estimate["held"]["told"]])
    v = champion_of(classifier)
    print(v.metrics)
    assert 0
