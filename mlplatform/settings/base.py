"""Settings common to every environment; each value that differs between machines comes from the environment."""

from pathlib import Path

import environ

from mlplatform.settings.logs import logging_settings
from mlplatform.settings.queues import *

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()

VAR_DIR = Path(env.str("MLPLATFORM_VAR", default=str(BASE_DIR / "var")))
_OWN_HOME = VAR_DIR if "MLPLATFORM_VAR" in env.ENVIRON else BASE_DIR
ML_MODELS_DIR = Path(env.str("ML_MODELS_DIR", default=str(_OWN_HOME / "ml_models")))
DATASETS_DIR = Path(env.str("DATASETS_DIR", default=str(VAR_DIR / "datasets")))

DEBUG = False
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
ROOT_URLCONF = "mlplatform.urls"
ASGI_APPLICATION = "mlplatform.asgi.application"
WSGI_APPLICATION = "mlplatform.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "django_celery_beat",
    "django_celery_results",
    "apps.core",
    "apps.algorithms",
    "apps.workspaces",
    "apps.alerts",
    "apps.datasets",
    "apps.registry",
    "apps.training",
    "apps.predictions",
    "apps.detections",
    "apps.tracking",
    "apps.feedback",
    "apps.monitoring",
    "apps.retraining",
    "apps.privacy",
    "apps.dashboard",
    "mlplatform",
]

MIDDLEWARE = [
    "apps.core.middleware.WatchedMiddleware",  # around all others
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "apps.dashboard.middleware.PagesInTheirLanguage",
    "apps.core.middleware.ClosingSlashMiddleware",  # before the next, which redirects
    "django.middleware.common.CommonMiddleware",
    "apps.dashboard.middleware.FormMiddleware",  # before the CSRF check, which is the first to read a form
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.core.middleware.PageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ]
        },
    }
]

# SQLite serves one machine: WAL lets readers go on during a write, BEGIN IMMEDIATE takes the write lock before
# reading (a deferred one fails at once under contention: 267 of 300 transactions in our measurement), 20 s of waiting.
_SQLITE_OPTIONS = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
if DATABASES["default"].get("ENGINE") == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = _SQLITE_OPTIONS
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)

AUTHENTICATION_BACKENDS = ["apps.workspaces.throttling.CountedBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "dashboard:sign_in"
LOGIN_REDIRECT_URL = "dashboard:home"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [BASE_DIR / "apps" / "dashboard" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"  # what the API answers in
PAGES_TIME_ZONE = env.str("TIME_ZONE", default="Europe/Paris")  # what people read, schedules and series are meant in

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = False  # htmx reads it to send the header
CSRF_FAILURE_VIEW = "apps.dashboard.pages.faults.forged_or_stale"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.workspaces.api.authentication.ApiKeyAuthentication",
        "apps.workspaces.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.workspaces.api.permissions.DeclaredAccess"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["apps.core.api.renderers.FiniteJSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "apps.core.api.pagination.PageNumberPagination",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "apps.core.api.ordering.StrictOrdering",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [],
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),  # how many of our proxies add to X-Forwarded-For; none: it is not read
    "EXCEPTION_HANDLER": "apps.core.api.errors.problem_response",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "mlplatform",
    "DESCRIPTION": "Upload data, train, compare, serve and watch models. Errors are RFC 9457 problem documents.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "CampaignStatus": "apps.training.models.TrainingCampaign.Status",
        "BatchStatus": "apps.core.models.LeasedRow.Status",
        "DatasetStatus": "apps.datasets.models.DatasetVersion.Status",
        "DetectionStatus": "apps.detections.models.Detection.Status",
        "KindEnum": "apps.datasets.models.Kind",
        "SubjectRequestKind": "apps.privacy.models.SubjectRequest.Kind",
        "DeliveryStatus": "apps.alerts.models.Delivery.Status",
        "AlertKind": "apps.alerts.models.Kind",
        "AlertSeverity": "apps.alerts.models.Severity",
        "TrafficModeEnum": "apps.predictions.models.TrafficSplit.Mode",
        "DecisionModeEnum": (("all", "all"), ("any", "any")),
        "ChannelKind": "apps.alerts.models.Channel.Kind",
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.core.api.schema.add_problems",
    ],
}

# Bounds on what a client may send, checked before any parser runs.
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=2 * 1024**3)
UPLOAD_MAX_COLUMNS = env.int("UPLOAD_MAX_COLUMNS", default=2_000)
UPLOAD_MAX_LINE_BYTES = env.int("UPLOAD_MAX_LINE_BYTES", default=1024**2)
UPLOAD_MAX_ROWS = env.int("UPLOAD_MAX_ROWS", default=20_000_000)
UPLOAD_MAX_CELL_BYTES = env.int("UPLOAD_MAX_CELL_BYTES", default=256 * 1024)
UPLOAD_CHECK_MEMORY_BYTES = env.int("UPLOAD_CHECK_MEMORY_BYTES", default=1536 * 1024**2)
UPLOAD_CHECK_SECONDS = env.int("UPLOAD_CHECK_SECONDS", default=1_200)
UPLOAD_WAIT_BYTES = 5 * 1024**2  # up to this size the answer waits for the check
UPLOAD_WAIT_SECONDS = env.float("UPLOAD_WAIT_SECONDS", default=20.0)
JSON_MAX_BYTES = env.int("JSON_MAX_BYTES", default=16 * 1024**2)
JSON_MAX_DEPTH = 32
PREDICT_MAX_ROWS = env.int("PREDICT_MAX_ROWS", default=10_000)
BATCH_MAX_RUNNING = env.int("BATCH_MAX_RUNNING", default=1)  # of all workspaces
BATCH_MAX_UNFINISHED = env.int("BATCH_MAX_UNFINISHED", default=4)  # a workspace
DETECTIONS_KEEP_DAYS = env.int("DETECTIONS_KEEP_DAYS", default=365)  # those that nobody has reviewed
DATA_UPLOAD_MAX_MEMORY_SIZE = JSON_MAX_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = UPLOAD_MAX_COLUMNS + 200  # a form may have a field a column
DATA_UPLOAD_MAX_NUMBER_FILES = 5
FILE_UPLOAD_HANDLERS = ["apps.datasets.api.uploads.CappedUploadHandler"]

# Limits of one training child.
TRAINING_MEMORY_BYTES = env.int("TRAINING_MEMORY_BYTES", default=4 * 1024**3)
TRAINING_TIME_SECONDS = env.int("TRAINING_TIME_SECONDS", default=6 * 3600)
TRAINING_THREADS = env.int("TRAINING_THREADS", default=2)
TRAINING_LEASE_SECONDS = env.int("TRAINING_LEASE_SECONDS", default=30)
SEARCH_SECONDS = env.int("SEARCH_SECONDS", default=60)
SEARCH_ROWS_A_SECOND = env.int("SEARCH_ROWS_A_SECOND", default=250)
SEARCH_TRIALS_AT_ONCE = env.int("SEARCH_TRIALS_AT_ONCE", default=2)
TRAINING_MAX_ATTEMPTS = env.int("TRAINING_MAX_ATTEMPTS", default=3)
TRAINING_MAX_QUEUED = env.int("TRAINING_MAX_QUEUED", default=200)
TRAINING_KEEP_SPARE = env.bool("TRAINING_KEEP_SPARE", default=True)

# For how many days what is kept; a workspace may keep it shorter, never longer.
RETENTION_PREDICTION_DAYS = env.int("RETENTION_PREDICTION_DAYS", default=180)
RETENTION_FEEDBACK_DAYS = env.int("RETENTION_FEEDBACK_DAYS", default=180)
RETENTION_SAMPLE_DAYS = env.int("RETENTION_SAMPLE_DAYS", default=180)
SUBJECT_EXPORT_DAYS = env.int("SUBJECT_EXPORT_DAYS", default=7)
LABELS_MAX_BYTES = env.int("LABELS_MAX_BYTES", default=50 * 1024**2)
LABELS_MAX_ROWS = env.int("LABELS_MAX_ROWS", default=100_000)
SAMPLE_MAX_BYTES = env.int("SAMPLE_MAX_BYTES", default=10 * 1024**2)

# Files of old versions are removed at night where a number of versions to keep is given.
CLEANUP_KEEP_VERSIONS = env.int("CLEANUP_KEEP_VERSIONS", default=0)
CLEANUP_OLDER_THAN_DAYS = env.int("CLEANUP_OLDER_THAN_DAYS", default=30)
CLEANUP_ROLLBACK_DAYS = max(1, env.int("CLEANUP_ROLLBACK_DAYS", default=90))

# Where web processes count together, and who may read what they counted besides staff.
METRICS_DIR: Path | None = Path(env.str("METRICS_DIR", default=str(VAR_DIR / "metrics")))
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# What goes out: mail, and posts to the addresses that owners of workspaces give.
EMAIL_URL = env.str("EMAIL_URL", default="")  # smtp+tls://user:password@host:587; none: no mail is sent
globals().update(environ.Env.email_url_config(EMAIL_URL or "dummymail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="mlplatform@localhost")
OUTBOUND_ALLOW_HOSTS: list[str] = env.list("OUTBOUND_ALLOW_HOSTS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
ALERT_REPEAT_SECONDS = env.int("ALERT_REPEAT_SECONDS", default=6 * 3600)
ALERT_DISK_FREE_BYTES = env.int("ALERT_DISK_FREE_BYTES", default=2 * 1024**3)

# The MLflow server that ended campaigns are sent to, as MLflow's own client is told; none: nothing is sent.
MLFLOW_TRACKING_URI = env.str("MLFLOW_TRACKING_URI", default="")
MLFLOW_TRACKING_TOKEN = env.str("MLFLOW_TRACKING_TOKEN", default="")
MLFLOW_TRACKING_USERNAME = env.str("MLFLOW_TRACKING_USERNAME", default="")
MLFLOW_TRACKING_PASSWORD = env.str("MLFLOW_TRACKING_PASSWORD", default="")

LOG_FORMAT = env.str("LOG_FORMAT", default="plain")
LOGGING = logging_settings(
    form=LOG_FORMAT,
    level=env.str("LOG_LEVEL", default="INFO"),
    file=env.str("LOG_FILE", default=""),
    most_bytes=env.int("LOG_FILE_BYTES", default=20 * 1024**2),
    keep=env.int("LOG_FILE_KEEP", default=5),
)
