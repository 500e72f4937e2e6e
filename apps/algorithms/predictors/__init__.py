"""Light predictors: what answers in the web process. numpy and plain Python only, never an ML library."""

import json
from pathlib import Path

from apps.algorithms.results import Predictor
from apps.core.errors import Unavailable

FORMAT = 1


def load_predictor(folder: Path) -> Predictor:
    """Load the serving form that a service wrote into `folder`; the caller has checked its checksums.

    Raises
    ------
    Unavailable : no service here names a predictor of this kind, or a later release wrote the file.

    """
    from apps.algorithms import catalog

    facts = json.loads((folder / "predictor.json").read_text())
    if facts["format"] != FORMAT:
        raise Unavailable(f"The predictor has format {facts['format']}; this release reads {FORMAT}. Upgrade the platform.")
    kind = catalog.predictor_kinds().get(facts["kind"])
    if kind is None:
        raise Unavailable(
            f"No algorithm here reads predictors of the kind {facts['kind']!r}. Install its package again, and name it in "
            f"{catalog.EXTRA_PACKAGES}."
        )
    return kind.load(folder, facts)
