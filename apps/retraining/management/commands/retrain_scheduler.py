"""`manage.py retrain_scheduler`: what the nightly task does, by the keys and variables of the first retraining scripts."""

import argparse
import json
import logging
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.errors import InvalidInput
from apps.registry.cleaning import NEWEST, keep_by_settings
from apps.retraining.management.asking import CODES, Asked, ask_each, models_named
from apps.retraining.management.seed_keys import limits_of_seed, run_of_seed

_PREFIX = "RETRAIN_"


class Command(BaseCommand):
    """Decide for every model that has a policy, with limits from a file and from the environment."""

    help = (
        "Decide for each model that has a retraining policy; limits in a JSON file or in RETRAIN_ variables take the place of "
        f"the policy's. {CODES}"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the flags."""
        parser.add_argument(
            "--check-only", action="store_true", help="decide as the real run would, write and begin nothing"
        )
        parser.add_argument(
            "--config", type=Path, metavar="FILE", help="JSON with days_back, min_feedback, epochs and so on"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Decide for each model."""
        variables = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
        config = {**variables, **(_read(options["config"]) if options["config"] else {})}
        try:
            limits, run = limits_of_seed(config), run_of_seed(config)
        except InvalidInput as error:
            raise CommandError("; ".join(f"{p.pointer.lstrip('/')}: {p.detail}" for p in error.problems)) from error
        logging.getLogger("apps.retraining").setLevel(run.log_level)
        parameters = {"epochs": run.epochs, "learning_rate": run.learning_rate}
        asked = Asked(
            is_dry=options["check_only"],
            force=run.force,
            limits=limits,
            parameters={name: value for name, value in parameters.items() if value is not None},
            keep=keep_by_settings(NEWEST) if run.cleanup else None,
        )
        ask_each(self, models_named([]), asked)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CommandError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise CommandError(f"{path} must hold an object of names and values.")
    return found
