"""`manage.py adopt_stores`: say that the files at hand are this database's, after one of the two was restored or moved."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.core.instance import adopt, owns, stores


class Command(BaseCommand):
    """Mark the stores of models and data sets as this database's."""

    help = "Mark ML_MODELS_DIR and DATASETS_DIR as belonging to this database: its sweeps then remove what no row names."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for a plain yes."""
        parser.add_argument("--yes", action="store_true", help="Do it; without this, only say what would be done.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Mark each store that is not this database's yet."""
        for store in stores():
            if owns(store):
                self.stdout.write(f"{store}: is this database's already.")
            elif options["yes"]:
                adopt(store)
                self.stdout.write(f"{store}: adopted.")
            else:
                self.stdout.write(f"{store}: would be adopted; files in it that this database does not name are swept then.")
