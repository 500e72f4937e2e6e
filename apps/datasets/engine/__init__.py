"""Worker only: from the bytes of an upload to a canonical Parquet table and its profile."""

import logging
from pathlib import Path
from uuid import UUID

from django.conf import settings

from apps.core.artifacts import publish_file, sha256_of, storage_guard
from apps.core.errors import StorageFull, Unavailable
from apps.datasets import lifecycle
from apps.datasets.engine.changes import changes
from apps.datasets.engine.dialect import Reading, Refused, find_dialect
from apps.datasets.engine.profile import profile_table
from apps.datasets.engine.recognition import series_in
from apps.datasets.engine.tables import Copied, copy_parquet, write_table
from apps.datasets.models import DatasetVersion, Kind
from apps.datasets.selectors import upload_file

logger = logging.getLogger(__name__)
PARQUET_MAGIC = b"PAR1"


def check(version_id: UUID, token: UUID) -> None:
    """Read, type, profile and store one claimed version, or refuse it with the rows at fault."""
    version = DatasetVersion.objects.select_related("dataset").get(pk=version_id)
    root = Path(settings.DATASETS_DIR)
    beside = root / "incoming" / f"{token.hex}.parquet"
    text = root / "incoming" / f"{token.hex}.utf8"
    beside.parent.mkdir(parents=True, exist_ok=True)
    reading: Reading | None = None
    try:
        with storage_guard():
            source = upload_file(version)
            if _starts_with(source, PARQUET_MAGIC):
                reading = Reading(format="parquet")
                copied = copy_parquet(source, reading, beside)
            else:
                reading = find_dialect(source, text)
                copied = write_table(reading, beside)
            _accept(version, token, beside, copied, reading, root)
    except Refused as refusal:
        facts = reading.as_json() if reading else {}
        lifecycle.refuse(version_id, token, problems=refusal.problems, reading=facts)
    except StorageFull:
        lifecycle.postpone(version_id, token, reason="The disk is full. The file is read as soon as there is room again.")
    except Unavailable:
        words = "The folder of the data sets cannot be written. The file is read as soon as it can be."
        lifecycle.postpone(version_id, token, reason=words)
    except MemoryError:
        limit = settings.UPLOAD_CHECK_MEMORY_BYTES // 1024**2
        words = f"Reading the file needs more than the {limit} MiB allowed. Split it, or send it as Parquet."
        lifecycle.refuse(version_id, token, problems=[Refused.problem("too_large", words)], reading={})
    finally:
        beside.unlink(missing_ok=True)
        text.unlink(missing_ok=True)


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _accept(version: DatasetVersion, token: UUID, beside: Path, copied: Copied, reading: Reading, root: Path) -> None:
    profile = profile_table(beside, copied)
    kind = version.asked_kind or version.dataset.kind
    found = series_in(beside, profile.columns, copied.rows, kind=kind)
    digest = sha256_of(beside)
    place = root / "tables" / digest[:2] / f"{digest}.parquet"
    publish_file(beside, place)
    lifecycle.accept(
        version.pk,
        token,
        table_path=place.relative_to(root).as_posix(),
        table_sha256=digest,
        content_hash=copied.content_hash,
        rows=copied.rows,
        columns=profile.columns,
        preview=profile.preview,
        warnings=[*changes(version, profile.columns), *copied.warnings, *profile.warnings],
        reading={
            **reading.as_json(),
            **({"series": found.series} if found.series else {}),
            **({"taken": found.note} if found.note else {}),
        },
        kind=version.asked_kind or (Kind.SERIES if found.series else Kind.TABULAR),
        is_asked=bool(version.asked_kind),
    )
