"""Light predictors: what answers in the web process. numpy and plain Python only, never an ML library."""

import json
from pathlib import Path

from apps.algorithms.predictors.table import TreePredictor
from apps.algorithms.results import Predictor

FORMAT = 1
_KINDS = {"trees": TreePredictor}


def load_predictor(folder: Path) -> Predictor:
    """Load the serving form that a service wrote into `folder`; the caller has checked its checksums."""
    facts = json.loads((folder / "predictor.json").read_text())
    if facts["format"] != FORMAT:
        raise ValueError(f"Predictor format {facts['format']} is not known here; this release reads {FORMAT}.")
    return _KINDS[facts["kind"]].load(folder, facts)
