"""`manage.py retrain`: decide for one model or all, by hand or from cron, and begin what is due."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from apps.registry.cleaning import NEWEST, keep_by_settings
from apps.retraining.management.asking import CODES, Asked, as_line, ask_each, models_named
from apps.retraining.models import RetrainingDecision

_SHOWN = 50


class Command(BaseCommand):
    """Retrain what is due, or say why not."""

    help = f"Decide for each model that has a retraining policy, and begin the trainings that are due. {CODES}"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the flags."""
        parser.add_argument(
            "--model", action="append", default=[], help="id or name; several may be given (default: all with a policy)"
        )
        parser.add_argument("--days-back", type=int, metavar="DAYS", help="days of verdicts, in place of the policy's")
        parser.add_argument(
            "--min-feedback", type=int, metavar="VERDICTS", help="verdicts at least, in place of the policy's"
        )
        parser.add_argument("--epochs", type=int, help="of the training, where the algorithm has epochs")
        parser.add_argument("--learning-rate", type=float, help="of the training, where the algorithm has one")
        parser.add_argument(
            "--force", action="store_true", help="whatever the conditions say; never past the budget or a running training"
        )
        parser.add_argument(
            "--cleanup", action="store_true", help="then remove the files of old versions, as manage.py cleanup does"
        )
        parser.add_argument("--dry-run", action="store_true", help="decide as the real run would, write and begin nothing")
        parser.add_argument(
            "--history", action="store_true", help=f"only show the last {_SHOWN} decisions, the newest first"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Decide, or show what was decided."""
        models = models_named(options["model"])
        if options["history"]:
            kept = RetrainingDecision.objects.filter(model__in=models).select_related("model")
            for one in kept[:_SHOWN]:
                self.stdout.write(as_line(one))
            return
        limits = {"window_days": options["days_back"], "feedback": options["min_feedback"]}
        parameters = {"epochs": options["epochs"], "learning_rate": options["learning_rate"]}
        asked = Asked(
            is_dry=options["dry_run"],
            force=options["force"],
            limits={name: value for name, value in limits.items() if value is not None},
            parameters={name: value for name, value in parameters.items() if value is not None},
            keep=keep_by_settings(NEWEST) if options["cleanup"] else None,
        )
        ask_each(self, models, asked)
