"""Models as people name them on the command line: by id or by name."""

from uuid import UUID

from django.core.management.base import CommandError

from apps.registry.models import RegisteredModel


def model_named(name: str) -> RegisteredModel:
    """Return the model in service of this id or name; refuse one that is not there or not the only one, in words."""
    live = RegisteredModel.objects.filter(archived_at__isnull=True)
    matches: list[RegisteredModel]
    try:
        matches = list(live.filter(pk=UUID(name)))
    except ValueError:
        matches = list(live.filter(name=name))
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise CommandError(f"There is no model {name!r}. Give the id of a model, or its name as it stands on its page.")
    ids = ", ".join(str(model.pk) for model in matches)
    raise CommandError(f"Several models are named {name!r}, in different workspaces. Give the id: {ids}.")
