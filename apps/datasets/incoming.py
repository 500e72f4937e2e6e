"""The upload as the web process sees it: bytes counted, hashed and put under a name of their own; never parsed."""

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.conf import settings

from apps.core.artifacts import publish_file, storage_guard
from apps.core.errors import InvalidInput, Problem, TooLarge

LONGEST_NAME = 200
ROOM_FOR_FIELDS = 64 * 1024  # beside the file, in a multipart body


class IncomingFile(Protocol):
    """What Django's uploaded files offer."""

    name: str | None

    def chunks(self, chunk_size: int | None = None) -> Iterable[bytes]:
        """Give the bytes in portions."""


@dataclass(frozen=True)
class StoredUpload:
    """A file on disk, named by its content; `path` is relative to DATASETS_DIR."""

    original_name: str
    path: str
    size: int
    sha256: str


def incoming_folder() -> Path:
    """Return the folder of what is still on its way: on the disk of the uploads, and swept each day."""
    folder = Path(settings.DATASETS_DIR) / "incoming"
    with storage_guard():
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def too_large() -> TooLarge:
    """Return the refusal of a file over the cap."""
    limit = settings.UPLOAD_MAX_BYTES / 1024**2
    return TooLarge(f"The file is larger than the {limit:.0f} MiB this platform accepts. Split it, or ask its operator.")


def store_upload(upload: IncomingFile) -> StoredUpload:
    """Write an upload to disk, whole or not at all; the same bytes twice are one file."""
    root = Path(settings.DATASETS_DIR)
    beside = incoming_folder() / f"{os.urandom(12).hex()}.part"
    digest, size = hashlib.sha256(), 0
    try:
        with storage_guard(), beside.open("wb") as file:
            for chunk in upload.chunks():
                size += len(chunk)
                if size > settings.UPLOAD_MAX_BYTES:
                    raise too_large()
                digest.update(chunk)
                file.write(chunk)
        if size == 0:
            raise InvalidInput("The file is empty.", [Problem("/file", "empty", "The file holds no byte.")])
        name = digest.hexdigest()
        place = root / "uploads" / name[:2] / name
        publish_file(beside, place)
    finally:
        beside.unlink(missing_ok=True)
    return StoredUpload(clean_name(upload.name or ""), place.relative_to(root).as_posix(), size, name)


def clean_name(name: str) -> str:
    """Return a file name that is safe to show and to offer: no folders, no control or direction characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip(" .")
    return shown[-LONGEST_NAME:] or "upload"
