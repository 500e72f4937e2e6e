"""Verbs on files of late labels: take one in; the web process counts its bytes and reads none of them."""

import uuid
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.core.artifacts import publish_file, storage_guard
from apps.core.broker import tell
from apps.core.errors import InvalidInput, Problem, Throttled, TooLarge
from apps.core.instance import private_folder
from apps.datasets.incoming import IncomingFile, clean_name
from apps.feedback.models import LabelFile
from apps.registry.models import RegisteredModel
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.models import Workspace

MOST_OPEN = 8  # files of a workspace that wait or run


def take_file(*, model: RegisteredModel, upload: IncomingFile, actor: Actor) -> LabelFile:
    """Put a file of labels away and have a worker read it."""
    name = uuid.uuid4().hex
    folder = private_folder("labels")
    beside = folder / f"{name}.part"
    try:
        _write(upload, beside)
        publish_file(beside, folder / name)
    finally:
        beside.unlink(missing_ok=True)
    with transaction.atomic():  # a file whose row does not come is swept after a day
        Workspace.objects.select_for_update().get(pk=model.workspace_id)  # two at once must not both take the last place
        waiting = LabelFile.objects.filter(model__workspace_id=model.workspace_id, status__in=("pending", "running"))
        if waiting.count() >= MOST_OPEN:
            raise Throttled(
                f"{MOST_OPEN} files of labels of this workspace are being read. Wait for some to end.", retry_after=60
            )
        taken: LabelFile = LabelFile.objects.create(
            model=model,
            original_name=clean_name(upload.name or ""),
            path=name,
            api_key_prefix=actor.api_key_prefix,
            created_by_id=actor.user_id,
        )
        record_audit(actor=actor, workspace_id=model.workspace_id, verb="feedback.file", target=taken)
        transaction.on_commit(lambda: send_file(taken.pk))
    return taken


def _write(upload: IncomingFile, beside: Path) -> None:
    size = 0
    with storage_guard(), beside.open("wb") as file:
        for chunk in upload.chunks():
            size += len(chunk)
            if size > settings.LABELS_MAX_BYTES:
                raise TooLarge(
                    f"The file is larger than the {settings.LABELS_MAX_BYTES / 1024**2:.0f} MiB a file of labels may have."
                )
            file.write(chunk)
    if size == 0:
        raise InvalidInput("The file is empty.", [Problem("/file", "empty", "The file holds no byte.")])


def send_file(file_id: UUID) -> None:
    """Tell the broker that a file waits; when it is down, the dispatcher tells it later."""
    from apps.feedback.tasks import read_labels

    tell(read_labels, file_id)
