"""Settings of a forecast are compared as far ahead as the version goes, or as far as shorter series allow."""

from unittest.mock import patch

import numpy as np
import pytest

from apps.algorithms.schema import Task
from apps.algorithms.services.prophet import ProphetService
from apps.training.engine import search as searching
from apps.training.engine import trials
from tests.algorithms.test_series import days, series_in
from tests.contracts.tables import silent
from tests.forecasts.conftest import ASKED, csv_of, trained_campaign, upload


@pytest.mark.parametrize(
    ("asked", "steps", "whole", "folded"),
    [
        (None, 250, 62, 62),
        (20, 250, 20, 20),
        (30, 100, 30, 23),  # of 100 steps 70 are left to compare on: less than three times 30
        (None, 13, 3, 3),
    ],
)
def test_the_horizon_of_a_fold(tmp_path, asked, steps, whole, folded):
    data = series_in(tmp_path, days(steps), np.arange(float(steps)) % 7)
    conductor, trial = (ProphetService(task=Task.FORECAST, parameters={"horizon": asked}) for _ in range(2))

    split = conductor.split(data, test_share=0.2)
    (fold,) = trial.folds(trial.sample(split.train, 10_000), 5)

    assert (conductor.horizon, trial.horizon) == (whole, folded)
    (apart,) = fold.test.series
    assert len(apart.values) - apart.begins >= folded
    assert fold.train.longest >= 2 * folded


def test_a_few_short_series_do_not_shorten_the_horizon_of_all(tmp_path):
    """Two of nineteen have ten steps only."""
    steps = [*[120] * 17, 10, 10]
    names = np.repeat([f"s{i:02}" for i in range(len(steps))], steps)
    values = np.random.default_rng(0).normal(size=len(names))
    data = series_in(tmp_path, [day for count in steps for day in days(count)], values, names.tolist())
    service = ProphetService(task=Task.FORECAST)

    split = service.split(data, test_share=0.2)

    assert service.horizon == 30
    assert len(split.train.series) == 17
    assert split.train.notes == ("2 series of fewer than 90 steps are left out: 's17', 's18'.",)


def test_series_that_nothing_could_be_learned_of_are_left_out_before_the_fit(tmp_path):
    """Of the shortest one step would be left to learn from, once others are measured and calibrated on."""
    steps = [12, 3]
    names = ["long"] * 12 + ["short"] * 3
    chance = np.random.default_rng(0)
    data = series_in(tmp_path, [day for count in steps for day in days(count)], chance.normal(size=15), names)
    service = ProphetService(task=Task.FORECAST, parameters={"horizon": 1, "holidays": "none"})

    split = service.split(data, test_share=0.2)
    service.fit(split.train, silent)

    assert service.light.known.names == ("long",)
    assert split.train.notes == ("1 series of fewer than 3 steps are left out: 'short'.",)


def test_a_search_over_series_ends_with_a_version(cast, api, stores, settings, monkeypatch):
    settings.SEARCH_TRIALS_AT_ONCE = 1
    monkeypatch.setattr(trials, "_take_limits", lambda: None)
    monkeypatch.setattr(searching, "send_trial", lambda trial, seconds: trials.run(trial.pk))
    data, client = upload(cast, csv_of(("nord",))), api(cast.trainer)
    model = {"workspace": str(cast.acme.pk), "name": "Ventes", "parameters": {"horizon": 40, "holidays": "none"}, **ASKED}
    asked = {"dataset": str(data.dataset_id), "search": {"seconds": 600, "trials": 2}}
    url = f"/api/v1/models/{client.post('/api/v1/models/', model, format='json').json()['id']}/train/"

    with patch.object(trials, "close_old_connections"):
        campaign = trained_campaign(client.post(url, asked, format="json").json()["id"])

    assert campaign.status == "completed", campaign.error
    assert [(trial.metric, trial.greater_is_better) for trial in campaign.trials.all()] == [("mase", False)] * 2
    assert campaign.version.evaluation["curves"]["horizon"] == 40
