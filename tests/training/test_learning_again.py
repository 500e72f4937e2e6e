"""A version answers by a model of all rows, and is measured by one that had not seen those kept apart."""

from pathlib import Path

import joblib
import pytest
from django.conf import settings

from apps.algorithms.services.random_forest import RandomForestService
from apps.training import lifecycle
from apps.training.engine import training

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("most", "rows"), [(400, 400), (399, 320)])
def test_the_forest_that_is_filed_has_seen_so_many_rows(campaign_on_table, monkeypatch, most, rows):
    monkeypatch.setattr(training, "close_old_connections", lambda: None)  # it would end the test's transaction
    monkeypatch.setattr(RandomForestService, "learns_again_up_to", most)
    campaign = campaign_on_table(algorithm="random_forest", parameters={"n_estimators": 10})
    claim = lifecycle.claim(campaign.pk, {})

    training.run(campaign.pk, claim.token, claim.attempt)

    campaign.refresh_from_db()
    assert campaign.status == "completed", campaign.error
    split = campaign.version.evaluation["split"]
    assert (split["train_rows"], split["test_rows"], split["learned_again"]) == (320, 80, rows == 400)
    (forest,) = Path(settings.ML_MODELS_DIR).rglob("forest.joblib")
    assert joblib.load(forest).estimators_[0].tree_.weighted_n_node_samples[0] == rows
    card = next(Path(settings.ML_MODELS_DIR).rglob("*.md")).read_text()
    assert ("learned again from all of these rows" in card) == (rows == 400)
