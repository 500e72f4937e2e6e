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

# A file, so that training processes and threads see the rows of a test; the child reads the same settings.
DATABASES["default"]["NAME"] = str(VAR_DIR / "test.sqlite3")
DATABASES["default"]["TEST"] = {"NAME": DATABASES["default"]["NAME"]}
TRAINING_KEEP_SPARE = False
