"""Verbs on datasets: take an upload, check it again, archive, remove what was refused."""

from pathlib import PurePath
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from apps.core import clock
from apps.core.broker import tell
from apps.core.errors import Conflict, InvalidInput, NotFound, Problem
from apps.core.plain_names import made_plain
from apps.datasets.incoming import IncomingFile, store_upload
from apps.datasets.lifecycle import PATIENCE, hold_file
from apps.datasets.models import Dataset, DatasetVersion
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.models import Workspace


def register_upload(
    *,
    workspace: Workspace,
    dataset: Dataset | None,
    name: str = "",
    kind: str = "",
    upload: IncomingFile,
    actor: Actor,
) -> DatasetVersion:
    """Store a file as a new version of `dataset`, or of a new dataset, and have a worker check it.

    `kind` is what the data set holds from then on; "" leaves it as it was, or to the file.
    """
    stored = store_upload(upload)
    with transaction.atomic():
        hold_file(stored.path)
        if dataset is None:
            shown = (name or made_plain(PurePath(stored.original_name).stem) or "dataset")[:200]
            dataset = Dataset.objects.create(workspace=workspace, name=shown, kind=kind, created_by_id=actor.user_id)
            record_audit(
                actor=actor, workspace_id=workspace.pk, verb="dataset.create", target=dataset, details={"name": shown}
            )
        else:
            _hold(dataset.pk)
        last = DatasetVersion.objects.filter(dataset=dataset).aggregate(last=Max("number"))["last"] or 0
        version: DatasetVersion = DatasetVersion.objects.create(
            dataset=dataset,
            number=last + 1,
            asked_kind=kind,
            original_name=stored.original_name,
            upload_path=stored.path,
            upload_bytes=stored.size,
            upload_sha256=stored.sha256,
            send_again_at=clock.now() + PATIENCE,
            created_by_id=actor.user_id,
        )
        details = {"number": version.number, "bytes": stored.size, "sha256": stored.sha256}
        record_audit(actor=actor, workspace_id=workspace.pk, verb="dataset.upload", target=version, details=details)
        transaction.on_commit(lambda: send_check(version.pk))
    return version


def _hold(dataset_id: UUID) -> Dataset:
    """Lock a data set; somebody may have removed or archived it since it was found."""
    found: Dataset | None = Dataset.objects.select_for_update().filter(pk=dataset_id).first()
    if found is None:
        raise NotFound("The data set was removed meanwhile.")
    if found.archived_at is not None:
        raise Conflict("The data set is archived.")
    return found


def send_check(version_id: UUID) -> None:
    """Tell the broker that a version waits; when it is down, or nobody takes it in time, the dispatcher tells it again."""
    from apps.datasets.tasks import check_version

    tell(check_version, version_id, expires=PATIENCE.total_seconds())


@transaction.atomic
def declare_subject(*, dataset: Dataset, column: str, actor: Actor) -> Dataset:
    """Say which column tells whose data a row is ("": none); trainings to come leave it out, and rows are erased by it."""
    found = _hold(dataset.pk)
    ready = found.versions.filter(status=DatasetVersion.Status.READY).order_by("-number").first()
    if column and (ready is None or column not in {one["name"] for one in ready.columns}):
        text = f"The newest version that is ready has no column {column!r}." if ready else "No version is ready yet."
        raise InvalidInput(text, [Problem("/subject_column", "unknown_column", text)])
    found.subject_column = column
    found.save(update_fields=["subject_column"])
    details = {"subject_column": column}
    record_audit(actor=actor, workspace_id=found.workspace_id, verb="dataset.subject", target=found, details=details)
    return found


@transaction.atomic
def archive_dataset(*, dataset: Dataset, actor: Actor) -> None:
    """Take a dataset out of sight; its versions stay, since models may be made from them."""
    found = _hold(dataset.pk)
    found.archived_at = clock.now()
    found.save(update_fields=["archived_at"])
    record_audit(actor=actor, workspace_id=found.workspace_id, verb="dataset.archive", target=found)


@transaction.atomic
def discard_refused(*, version: DatasetVersion, actor: Actor) -> bool:
    """Remove an upload that was refused, and its data set if nothing else is in it; return whether the data set is left.

    Nothing can have been made of such a version; its file goes with the daily sweep.
    """
    dataset = _hold(version.dataset_id)
    if version.status != DatasetVersion.Status.REFUSED:
        raise Conflict("Only an upload that was refused can be removed. Archive the data set instead.")
    details = {"number": version.number, "file": version.original_name}
    record_audit(actor=actor, workspace_id=dataset.workspace_id, verb="dataset.discard", target=version, details=details)
    version.delete()
    is_left: bool = dataset.versions.exists()
    if not is_left:
        dataset.delete()
    return is_left
