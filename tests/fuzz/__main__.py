"""`python -m tests.fuzz --requests 20000 --seed 1`: made-up requests at a web server of its own; ends 1 on a finding."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Build a platform in a temporary folder, ask it, say what was found."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--requests", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", default="", help="operations whose name holds this text")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlplatform-fuzz-") as folder:
        os.environ.update(environment(Path(folder)))
        import django

        django.setup()
        from tests.fuzz.asking import ask

        return ask(Path(folder), requests=given.requests, seed=given.seed, only=given.only)


def environment(folder: Path) -> dict[str, str]:
    """Return where this platform keeps its things; no worker runs, so nothing waits for one."""
    return {
        "DJANGO_SETTINGS_MODULE": "mlplatform.settings.local",
        "MLPLATFORM_VAR": str(folder),
        "ML_MODELS_DIR": str(folder / "ml_models"),
        "DATASETS_DIR": str(folder / "datasets"),
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "REDIS_URL": "memory://localhost/",
        "UPLOAD_WAIT_SECONDS": "0",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(ROOT),
    }


if __name__ == "__main__":
    sys.exit(main())
