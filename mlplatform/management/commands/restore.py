"""`manage.py restore FOLDER`: fill an empty installation from a backup."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from apps.core.errors import PlatformError
from mlplatform.backup import restore_backup, row_counts


class Command(BaseCommand):
    """Restore a backup, bring its database to this release, and compare."""

    help = "Fill an empty database and empty stores from a folder that `manage.py backup` wrote."
    requires_system_checks: list[str] = []  # there may be no table yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where from."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, restore, compare the rows, migrate."""
        try:
            found = restore_backup(options["folder"].absolute())
        except PlatformError as error:
            raise CommandError(error.detail) from error
        now = row_counts()
        differing = [f"{table}: {now.get(table)} of {rows}" for table, rows in found.rows.items() if now.get(table) != rows]
        # A backup of a running platform may have taken rows in between counting and dumping: told, not refused.
        for line in differing:
            self.stdout.write(f"rows differ from the count before the dump: {line}")
        call_command("migrate", verbosity=0)
        self.stdout.write(f"Restored the backup of {found.created_at}: {sum(now.values()):,} rows, {found.files:,} files.")
        self.stdout.write("Next: start the platform with the SECRET_KEY of the source, and look at `manage.py doctor`.")
