"""`manage.py cleanup`: make room by removing files that nothing refers to."""

import argparse
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.registry.cleaning import NEWEST, Keep, keep_by_settings, removable_versions, remove_old_files
from apps.registry.files import orphans, sweep_orphans
from apps.registry.management.naming import model_named
from apps.registry.models import ModelVersion, RegisteredModel
from apps.workspaces.access import SYSTEM


class Command(BaseCommand):
    """Remove files of old versions, and folders that no version names."""

    help = (
        "Remove the files of old versions that nothing refers to (their rows stay), and folders that no version names. "
        "Champions, challengers, recent champions and what is at work are never touched."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take which models, and how much is kept."""
        parser.add_argument(
            "--model", action="append", default=[], help="id or name; several may be given (default: all models)"
        )
        parser.add_argument("--keep", type=int, metavar="N", help=f"newest versions of a model that stay ({NEWEST})")
        parser.add_argument("--older-than", type=int, metavar="DAYS", help="younger versions stay (30)")
        parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Remove, or say what would be removed."""
        keep, is_dry = _kept(options), options["dry_run"]
        models = [model_named(name) for name in options["model"]]
        found: list[ModelVersion] = []
        for model in models or RegisteredModel.objects.order_by("created_at").iterator():
            found += removable_versions(model.pk, keep) if is_dry else remove_old_files(model=model, keep=keep, actor=SYSTEM)
        for version in found:
            self.stdout.write(f"{version.model} v{version.number}: {version.size_bytes} bytes")
        folders = [] if models else orphans() if is_dry else sweep_orphans()
        for name in folders:
            self.stdout.write(f"{name}: no version names it")
        did = "would be removed" if is_dry else "were removed"
        size = sum(version.size_bytes for version in found)
        self.stdout.write(f"The files of {len(found)} versions ({size} bytes) and {len(folders)} folders {did}.")


def _kept(options: dict[str, Any]) -> Keep:
    by_settings = keep_by_settings(NEWEST)
    newest = by_settings.newest if options["keep"] is None else options["keep"]
    if newest < 1:
        raise CommandError("--keep takes 1 or more: the newest version always stays.")
    days = options["older_than"]
    if days is not None and days < 0:
        raise CommandError("--older-than takes a number of days, 0 or more.")
    return replace(by_settings, newest=newest, **({} if days is None else {"younger_than": timedelta(days=days)}))
