"""What the pages call things that the platform names by a code."""

from django.utils.translation import gettext_lazy as _

METRICS = {
    "accuracy": _("Accuracy"),
    "balanced_accuracy": _("Balanced accuracy"),
    "f1_macro": _("F1 (macro)"),
    "log_loss": _("Log loss"),
    "brier": _("Brier score"),
    "calibration_error": _("Calibration error"),
    "roc_auc": _("ROC AUC"),
    "average_precision": _("Average precision"),
    "rmse": _("Root mean squared error"),
    "mae": _("Mean absolute error"),
    "r2": _("R²"),
    "interval_coverage": _("Coverage of the 90 % intervals"),
    "interval_width": _("Mean width of the intervals"),
    "alert_rate": _("Share of alerts"),
    "precision_of_alerts": _("Precision of alerts"),
    "recall_of_alerts": _("Recall of alerts"),
}
SMALLER_IS_BETTER = {"log_loss", "brier", "calibration_error", "rmse", "mae", "interval_width"}
NEUTRAL = {"alert_rate", "interval_coverage", "interval_width"}

STAGES = {
    "queued": _("Waiting for a worker"),
    "starting": _("Starting"),
    "reading data": _("Reading the data"),
    "splitting": _("Keeping rows apart"),
    "preparing": _("Preparing the columns"),
    "fitting": _("Learning"),
    "evaluating": _("Measuring on the rows kept apart"),
    "explaining": _("Finding what matters"),
    "saving": _("Writing the version"),
    "checking": _("Checking the version"),
    "done": _("Done"),
    "": "",
}
STATUSES = {
    "pending": _("Pending"),
    "training": _("Training"),
    "completed": _("Completed"),
    "failed": _("Failed"),
    "cancelled": _("Cancelled"),
    "checking": _("Checking"),
    "ready": _("Ready"),
    "refused": _("Refused"),
}
TASKS = {
    "classification": _("Classification: which class?"),
    "regression": _("Regression: how much?"),
    "anomaly": _("Anomalies: what is unusual?"),
}
KINDS = {
    "integer": _("whole number"),
    "number": _("number"),
    "boolean": _("true or false"),
    "date": _("date"),
    "datetime": _("date and time"),
    "category": _("category"),
    "text": _("text"),
}
EVENTS = {
    "status": _("State"),
    "progress": _("Progress"),
    "metric": _("Measure"),
}
