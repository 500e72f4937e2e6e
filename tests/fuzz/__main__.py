"""`python -m tests.fuzz --requests 20000 --seed 1`: made-up requests at a web server of its own; ends 1 on a finding."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Build a platform in a temporary folder, ask it, say what was found."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--requests", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", default="", help="operations whose name holds this text")
    given = options.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mlplatform-fuzz-") as folder:
        os.environ.update(environment(Path(folder)))
        import django

        django.setup()
        from django.core.management import call_command

        from tests.fuzz.asking import SCHEMA, Asking, served
        from tests.fuzz.known import Known

        call_command("migrate", verbosity=0)
        known, log = Known(), Path(folder) / "web.log"
        with served(log) as url:
            asking = Asking(url, SCHEMA, known, given.only)
            asking.ask(requests=given.requests, seed=given.seed)
        findings, logged = asking.findings, log.read_text(errors="replace")
    if "Traceback" in logged:
        findings.add("the server logged a traceback", logged[logged.index("Traceback") :][:3000])
    print(f"{asking.sent} requests, seed {given.seed}, {time.monotonic() - began:.0f} s; {findings.told()}")
    return 1 if findings.faults else 0


def environment(folder: Path) -> dict[str, str]:
    """Return where this platform keeps its things; no worker runs, so nothing waits for one and the queues have no end."""
    return {
        "DJANGO_SETTINGS_MODULE": "mlplatform.settings.local",
        "MLPLATFORM_VAR": str(folder),
        "ML_MODELS_DIR": str(folder / "ml_models"),
        "DATASETS_DIR": str(folder / "datasets"),
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "REDIS_URL": "memory://localhost/",
        "UPLOAD_WAIT_SECONDS": "0",
        "TRAINING_MAX_QUEUED": "100000",
        "BATCH_MAX_UNFINISHED": "100000",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(ROOT),
    }


if __name__ == "__main__":
    sys.exit(main())
