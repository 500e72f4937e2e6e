"""What there is once in an installation."""

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
