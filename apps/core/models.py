"""What an installation knows of itself."""

import uuid

from django.db import models


class Instance(models.Model):
    """This installation: its stores of files are marked with its id (`apps.core.instance`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    only = models.BooleanField(default=True, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class ScheduleSlot(models.Model):
    """The newest moment for which a scheduled task was sent (`mlplatform.beat`)."""

    name = models.CharField(max_length=200, primary_key=True)
    slot = models.CharField(max_length=40)
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the task and its slot."""
        return f"{self.name} {self.slot}"
