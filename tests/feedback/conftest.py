"""A model that answers, and what it answered."""

import pytest

from apps.predictions.recorder import recorder
from tests.predictions.conftest import trained  # noqa: F401  (a fixture)


@pytest.fixture
def answered(cast, trained, api):  # noqa: F811
    """Return the model, and the ids and answers of thirty predictions that are in the log."""
    model, rows = trained
    body = api(cast.viewer).post(f"/api/v1/models/{model.pk}/predict/", {"data": rows}, format="json").json()
    recorder.flush()
    return model, dict(zip(body["prediction_ids"], body["predictions"], strict=True))
