"""The test suite: a folder of its own, fast hashing, a broker only where a test starts one."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def _remove(folder: str, maker: int) -> None:
    if os.getpid() == maker:  # a fork ends too
        shutil.rmtree(folder, ignore_errors=True)


if "MLPLATFORM_VAR" not in os.environ:
    os.environ["MLPLATFORM_VAR"] = tempfile.mkdtemp(prefix="mlplatform-test-")
    atexit.register(_remove, os.environ["MLPLATFORM_VAR"], os.getpid())
_one_of_many = os.environ.get("PYTEST_XDIST_WORKER")
if _one_of_many and Path(os.environ["MLPLATFORM_VAR"]).name != _one_of_many:
    os.environ["MLPLATFORM_VAR"] += f"/{_one_of_many}"  # a folder and a database of its own
    Path(os.environ["MLPLATFORM_VAR"]).mkdir(parents=True, exist_ok=True)

from mlplatform.settings.base import *  # noqa: E402  (it reads the environment)

SECRET_KEY = "only-for-tests-0123456789abcdefghijklmnopqrstuvwxyz"  # noqa: S105
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# The test database under the name that a training process reads from the same settings: it sees the rows of a test.
DATABASES["default"]["NAME"] = (
    str(VAR_DIR / "test.sqlite3")
    if DATABASES["default"]["ENGINE"].endswith("sqlite3")
    else "test_mlplatform_" + "_".join(VAR_DIR.parts[-2:])[-16:]
)
DATABASES["default"]["TEST"] = {"NAME": DATABASES["default"]["NAME"]}
TRAINING_KEEP_SPARE = False
METRICS_DIR = None  # a test counts for itself
