"""`manage.py export_mlflow`: send ended campaigns, versions and aliases to an MLflow server now."""

import argparse
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from apps.core import clock
from apps.core.errors import Conflict
from apps.registry.management.naming import model_named
from apps.tracking import lifecycle
from apps.tracking.facts import run_of
from apps.tracking.selectors import models_to_send, unsent
from apps.tracking.sending import send_model
from apps.tracking.server import Server, server_of_settings
from apps.training.models import TrainingCampaign


class Command(BaseCommand):
    """Send what the server was not told yet."""

    help = (
        "Send what has ended to the MLflow server of MLFLOW_TRACKING_URI: a run a campaign, a registered model and its versions, "
        "the aliases. What is there already is not sent again, so it may be run twice and killed at any time."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take which models, since when, and whether it is done at all."""
        parser.add_argument("--model", help="id or name of one model (default: all that are not archived)")
        parser.add_argument("--since", type=int, metavar="DAYS", help="only campaigns that ended within so many days")
        parser.add_argument("--again", action="store_true", help="send also what the server was told: it may have lost it")
        parser.add_argument("--dry-run", action="store_true", help="say what would be sent, and send nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Send, or say what would be sent; end with an error where something was not taken."""
        server = _server()
        since = _since(options["since"])
        only = model_named(options["model"]).pk if options["model"] else None
        if options["dry_run"]:
            self._tell(server, since, only, again=options["again"])
            return
        if options["again"]:
            lifecycle.forget_sent(server.address, [one.pk for one in _ended(since, only)])
        faults = sent = 0
        for model_id in models_to_send(server.address, since=since, at_once=True):
            if only not in {None, model_id}:
                continue
            found = send_model(server, model_id, since=since, at_once=True)
            sent += found.campaigns
            faults += len(found.refused) + bool(found.fault)
            for told in [*found.refused.values(), *filter(None, [found.fault])]:
                self.stderr.write(f"{model_id}: {told}")
            if found.is_away:
                break
        self.stdout.write(f"{sent} campaigns were sent to {server.address}.")
        if faults:
            raise CommandError("Not all was sent; what is missing is sent by the next run.")

    def _tell(self, server: Server, since: datetime | None, only: UUID | None, *, again: bool) -> None:
        waiting = _ended(since, only) if again else _of(unsent(server.address, since=since, at_once=True), only)
        for campaign in waiting:
            told = run_of(campaign)
            self.stdout.write(
                f"{campaign.model} {told.name}: {told.status}, {len(told.metrics)} values, ended {campaign.finished_at:%Y-%m-%d %H:%M}"
            )
        self.stdout.write(f"{len(waiting)} campaigns would be sent to {server.address}.")


def _server() -> Server:
    try:
        server = server_of_settings()
    except Conflict as error:
        raise CommandError(error.detail) from error
    if server is None:
        raise CommandError(
            "MLFLOW_TRACKING_URI is not set: nothing is sent anywhere. Name the server, such as http://mlflow:5000."
        )
    return server


def _since(days: int | None) -> datetime | None:
    if days is not None and days < 1:
        raise CommandError("--since takes a number of days, 1 or more.")
    return None if days is None else clock.now() - timedelta(days=days)


def _ended(since: datetime | None, only: UUID | None) -> list[TrainingCampaign]:
    return _of(unsent("", since=since), only)  # no server: nobody was told of any


def _of(campaigns: Any, only: UUID | None) -> list[TrainingCampaign]:
    found = campaigns.select_related("model", "version", "dataset_version__dataset", "created_by")
    return list(found if only is None else found.filter(model_id=only))
