"""One answer comes from one version, also when another goes live while it is made."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.predictions import actions
from apps.predictions.api import scoring
from apps.predictions.cache import predictors
from apps.registry.actions import promote_version
from apps.registry.models import ModelVersion
from apps.registry.selectors import champion_of
from apps.workspaces.access import SYSTEM
from tests.predictions.conftest import train_version


@pytest.fixture
def second(trained) -> ModelVersion:
    version, _rows = train_version(trained[0], seed=7)
    return version


@pytest.fixture
def promote_during(monkeypatch, second) -> Callable[[Any, str], None]:
    """Return what has the second version go live within the first call of a function."""

    def plan(module: Any, name: str) -> None:
        real = getattr(module, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            monkeypatch.setattr(module, name, real)
            promote_version(version=second, actor=SYSTEM)
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, called)

    return plan


def test_tensors_are_read_answered_and_written_by_one_version(trained, second, promote_during, cast, api):
    model, rows = trained
    first = predictors.get(champion_of(model).pk)
    wanted = [chance for detail in first.predictor.predict(rows).details for chance in detail["probabilities"].values()]
    tensors = [{"name": n, "datatype": "BYTES", "shape": [30], "data": [row[n] for row in rows]} for n in rows[0]]
    promote_during(scoring, "rows_of_tensors")

    answer = api(cast.viewer).post(f"/v2/models/{model.pk}/infer", {"inputs": tensors}).json()

    assert champion_of(model) == second
    assert answer["model_version"] == "1"
    assert answer["outputs"][1]["data"] == pytest.approx(wanted, abs=1e-12)


def test_an_explanation_is_of_the_answer_beside_it(trained, second, promote_during, cast, api):
    model, rows = trained
    first = predictors.get(champion_of(model).pk).predictor
    promote_during(actions, "checked_rows")

    answer = api(cast.viewer).post(reverse("model-explain", args=[model.pk]), {"data": rows[:3]}).json()

    assert champion_of(model) == second
    assert answer["version"] == 1
    assert [one["base"] for one in answer["explanations"]] == [one.base for one in first.explain(rows[:3])]


def test_the_page_explains_with_the_version_that_answered(trained, second, promote_during, cast):
    model, rows = trained
    loaded = predictors.get(champion_of(model).pk)
    other = predictors.get(second.pk)
    sent = {f"row.{name}": "" if value is None else value for name, value in rows[1].items()}
    promote_during(actions, "checked_rows")
    browser = Client()
    browser.force_login(cast.viewer)

    shown = browser.post(reverse("dashboard:try_model", args=[model.pk]), sent).context

    assert champion_of(model) == second
    assert shown["version_number"] == 1
    assert shown["explained"].base == pytest.approx(loaded.predictor.explain([rows[1]])[0].base)
    assert shown["explained"].base != pytest.approx(other.predictor.explain([rows[1]])[0].base)
