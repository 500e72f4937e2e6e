"""The folder in which a run builds a version's files, beside their final place."""

import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings

PREFIX = ".staging-"


def staging_folder(*, workspace_id: UUID, model_id: UUID, campaign_id: UUID, attempt: int) -> Path:
    """Return the folder of one attempt; it is on the same disk as the final place, so that a rename suffices."""
    return Path(settings.ML_MODELS_DIR) / str(workspace_id) / str(model_id) / f"{PREFIX}{campaign_id}-{attempt}"


def remove_staging(campaign_id: UUID, *, attempt: int | None = None) -> None:
    """Remove what one attempt of a campaign left, or all of them: a run that lost its lease touches its own only."""
    which = "*" if attempt is None else attempt
    for folder in Path(settings.ML_MODELS_DIR).glob(f"*/*/{PREFIX}{campaign_id}-{which}"):
        shutil.rmtree(folder, ignore_errors=True)
