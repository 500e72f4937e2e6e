"""Queues, routes, limits and the declarative schedule: everything Celery is told, in one place."""

import environ
from kombu import Queue

_env = environ.Env()

CELERY_BROKER_URL = _env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
CELERY_RESULT_BACKEND = "django-db"
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TIMEZONE = "Europe/Paris"
CELERY_ENABLE_UTC = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": _env.int("BROKER_VISIBILITY_SECONDS", default=24 * 3600),
    "socket_timeout": 15,
    "socket_connect_timeout": 5,
    # Who sends a message waits no longer for a broker that is down: the dispatchers send it later.
    "max_retries": 1,
    "interval_start": 0.2,
}

TRAINING_QUEUE = "ml_training"
TRIALS_QUEUE = "ml_trials"  # of searches, side by side
UPKEEP_QUEUE = "ml_scheduler"  # short tasks that bring lost work back: a worker of their own, behind no long job
OTHER_QUEUES = (UPKEEP_QUEUE, "celery", "ml_monitoring", "ml_stats")
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_CREATE_MISSING_QUEUES = False  # a typo in a route fails at start, not by waiting for ever
CELERY_TASK_QUEUES = [Queue(name) for name in (*OTHER_QUEUES, TRAINING_QUEUE, TRIALS_QUEUE)]
CELERY_TASK_ROUTES = {
    "training.run_campaign": {"queue": "ml_training"},
    "training.run_trial": {"queue": TRIALS_QUEUE},
    "training.*": {"queue": UPKEEP_QUEUE},
    "datasets.dispatch_checking": {"queue": UPKEEP_QUEUE},
    "datasets.*": {"queue": "celery"},
    "registry.*": {"queue": "ml_stats"},
    "workspaces.*": {"queue": "ml_stats"},
    "alerts.*": {"queue": "ml_stats"},
    "predictions.run_batch": {"queue": "ml_stats"},
    "predictions.*": {"queue": UPKEEP_QUEUE},
    "retraining.run_judgement": {"queue": "ml_monitoring"},
    "retraining.weigh_traffic": {"queue": "ml_monitoring"},
    "detections.*": {"queue": "ml_stats"},
    "retraining.*": {"queue": UPKEEP_QUEUE},
    "feedback.dispatch_labels": {"queue": UPKEEP_QUEUE},
    "feedback.*": {"queue": "ml_stats"},
    "privacy.dispatch_requests": {"queue": UPKEEP_QUEUE},
    "privacy.*": {"queue": "ml_stats"},
    "tracking.*": {"queue": "ml_stats"},
    "monitoring.dispatch_checks": {"queue": UPKEEP_QUEUE},
    "monitoring.*": {"queue": "ml_monitoring"},
}

# The database lease brings lost work back, so messages are acknowledged early and never prefetched.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 6
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 15 * 60
CELERY_TASK_ANNOTATIONS = {"training.run_campaign": {"time_limit": None, "soft_time_limit": None}}

CELERY_BEAT_SCHEDULER = "mlplatform.beat:SlotScheduler"
CELERY_BEAT_SYNC_EVERY = 1  # each sending is noted at once, so that readiness sees a beat that stopped
# Upserted by name at each `migrate` (never deletes what people added in the admin).
PERIODIC_TASKS = {
    "training: return expired leases": {"task": "training.reap_leases", "every_seconds": 15},
    "training: send again what the broker lost": {"task": "training.dispatch_pending", "every_seconds": 10},
    "datasets: send again what the broker lost": {"task": "datasets.dispatch_checking", "every_seconds": 15},
    "datasets: sweep interrupted uploads": {"task": "datasets.sweep_uploads", "crontab": "17 * * * *"},
    "registry: sweep orphaned files": {"task": "registry.sweep_orphans", "crontab": "37 4 * * *"},
    "registry: remove files of old versions": {"task": "registry.remove_old_files", "crontab": "7 5 * * *"},
    "workspaces: sweep old answers and failed sign-ins": {"task": "workspaces.sweep", "crontab": "47 3 * * *"},
    "workspaces: chain audit entries that were left": {"task": "workspaces.chain_audit", "crontab": "*/5 * * * *"},
    "predictions: sweep what dead batches left": {"task": "predictions.sweep_results", "crontab": "47 4 * * *"},
    "predictions: send again what the broker lost": {"task": "predictions.dispatch_batches", "every_seconds": 15},
    "detections: new alerts": {"task": "detections.collect", "every_seconds": 60},
    "detections: statistics by hour": {"task": "detections.statistics", "crontab": "7 * * * *"},
    "detections: forget what nobody reviewed": {"task": "detections.sweep", "crontab": "27 4 * * *"},
    "alerts: send what is due": {"task": "alerts.dispatch", "every_seconds": 15},
    "alerts: look at disk, workers and beat": {"task": "alerts.watch_machine", "every_seconds": 60},
    "alerts: sweep old alerts and messages": {"task": "alerts.sweep", "crontab": "57 3 * * *"},
    "retraining: what is due": {"task": "retraining.check_all", "crontab": "0 2 * * *"},
    "retraining: backup of Sundays": {"task": "retraining.retrain_weekly", "crontab": "0 1 * * 0"},
    "retraining: ask the gate": {"task": "retraining.dispatch_judgements", "every_seconds": 15},
    "retraining: weigh challengers on live requests": {"task": "retraining.weigh_traffic", "crontab": "*/10 * * * *"},
    "retraining: roll back what fell": {"task": "retraining.watch_promotions", "crontab": "23 * * * *"},
    "feedback: send again what the broker lost": {"task": "feedback.dispatch_labels", "every_seconds": 15},
    "privacy: remove what is past its time": {"task": "privacy.apply_retention", "crontab": "27 4 * * *"},
    "privacy: send again what the broker lost": {"task": "privacy.dispatch_requests", "every_seconds": 15},
    "tracking: send to the MLflow server": {"task": "tracking.dispatch", "every_seconds": 300},
    "monitoring: drift of every model": {"task": "monitoring.check_all", "crontab": "0 3 * * *"},
    "monitoring: estimates beside labels": {"task": "monitoring.hold_estimates", "every_seconds": 600},
    "monitoring: send again what the broker lost": {"task": "monitoring.dispatch_checks", "every_seconds": 15},
}
