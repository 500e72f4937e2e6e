"""The test suite: a folder of its own, fast hashing, a broker only where a test starts one."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("MLPLATFORM_VAR", tempfile.mkdtemp(prefix="mlplatform-test-"))
os.environ.setdefault("ML_MODELS_DIR", str(Path(os.environ["MLPLATFORM_VAR"]) / "ml_models"))

from mlplatform.settings.base import *

SECRET_KEY = "only-for-tests-0123456789abcdefghijklmnopqrstuvwxyz"  # noqa: S105
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# The test database under the name that a training process reads from the same settings: it sees the rows of a test.
DATABASES["default"]["NAME"] = (
    str(VAR_DIR / "test.sqlite3")
    if DATABASES["default"]["ENGINE"].endswith("sqlite3")
    else f"test_mlplatform_{VAR_DIR.name[-8:]}"
)
DATABASES["default"]["TEST"] = {"NAME": DATABASES["default"]["NAME"]}
TRAINING_KEEP_SPARE = False
