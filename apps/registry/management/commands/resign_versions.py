"""`manage.py resign_versions`: after a change of `SECRET_KEY`, sign every version with the present key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.artifacts import ArtifactDamaged
from apps.core.errors import NotFound
from apps.registry.actions import resign_version
from apps.registry.models import ModelVersion
from apps.workspaces.access import SYSTEM


class Command(BaseCommand):
    """Check the files of every version by their checksums, and sign those that are whole."""

    help = "Check every version's files by their checksums and sign its manifest with the present SECRET_KEY."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Sign what is whole; name what is damaged, and end with an error then."""
        signed = damaged = 0
        for version in (
            ModelVersion.objects.filter(files_removed_at=None)
            .select_related("model")
            .order_by("model_id", "number")
            .iterator()
        ):
            try:
                signed += resign_version(version=version, actor=SYSTEM)
            except (ArtifactDamaged, NotFound) as error:
                damaged += 1
                self.stderr.write(f"{version} ({version.folder}): {error.detail}")
        self.stdout.write(f"{signed} versions were signed anew.")
        if damaged:
            raise CommandError(
                f"{damaged} versions are damaged and keep their signature. Restore their files from a backup."
            )
