"""`manage.py backup FOLDER`: the whole installation in one folder, while it runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.errors import PlatformError
from mlplatform.backup import make_backup


class Command(BaseCommand):
    """Write a backup."""

    help = "Copy the database, the models and the data sets into a new folder, each file with its checksum."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to."""
        parser.add_argument("folder", type=Path, help="A folder that does not exist yet.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it, and say what it holds."""
        try:
            made = make_backup(options["folder"].absolute())
        except PlatformError as error:
            raise CommandError(error.detail) from error
        megabytes = made.size_bytes / 1024**2
        self.stdout.write(
            f"{options['folder']}: {sum(made.rows.values()):,} rows, {made.files:,} files, {megabytes:,.1f} MiB."
        )
        self.stdout.write(
            "Keep it as private as the platform: it holds the data, and the local secret key where there is one."
        )
