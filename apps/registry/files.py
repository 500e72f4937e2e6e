"""A version's files: sealed before its transaction, moved into place within it, checked before each use, swept when orphaned."""

import contextlib
import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn
from uuid import UUID

from django.conf import settings

from apps.core.artifacts import (
    ArtifactDamaged,
    Checksums,
    publish_folder,
    remove_folder,
    safe_join,
    seal_folder,
    storage_guard,
    verify_folder,
    write_atomically,
)
from apps.core.errors import Gone, NotFound
from apps.core.instance import files_may_go, may_sweep
from apps.registry.card import card_text
from apps.registry.manifest import (
    VersionFacts,
    build_manifest,
    canonical_bytes,
    digest_of,
    is_signed_by_us,
    says_the_same,
)
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import version_folder

logger = logging.getLogger(__name__)
MANIFEST, CARD = "manifest.json", "card.md"
REMOVED = ".removed-"
_GRACE_SECONDS = 24 * 3600


@dataclass
class PreparedVersion:
    """Sealed files that wait for their row; `place` follows them, so that a transaction can be tried again.

    `model` is the model as it was when the training began.
    """

    model: RegisteredModel
    campaign_id: UUID
    facts: VersionFacts
    place: Path
    checksums: Checksums
    number: int = 0
    manifest: dict[str, Any] = field(default_factory=dict)
    written: bytes = b""

    @property
    def digest(self) -> str:
        """The SHA-256 of the manifest's bytes."""
        return digest_of(self.written)

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(path.stat().st_size for path in self.place.rglob("*") if path.is_file())


def seal(*, model: RegisteredModel, campaign_id: UUID, staging: Path, facts: VersionFacts) -> PreparedVersion:
    """Write what every version has, flush all files to disk and take their checksums; the slow part of filing."""
    with storage_guard():
        (staging / "schema.json").write_text(json.dumps(facts.schema.as_json(), ensure_ascii=False))
        (staging / "classes.json").write_text(json.dumps(list(facts.schema.classes), ensure_ascii=False))
    for name in (MANIFEST, CARD):
        (staging / name).unlink(missing_ok=True)
    return PreparedVersion(model, campaign_id, facts, staging, seal_folder(staging))


def give_number(prepared: PreparedVersion, number: int) -> None:
    """Write the two files that name the version's number."""
    card = card_text(model=prepared.model, number=number, facts=prepared.facts).encode()
    write_atomically(prepared.place / CARD, card)
    manifest = build_manifest(
        facts=prepared.facts,
        model_id=prepared.model.pk,
        campaign_id=prepared.campaign_id,
        number=number,
        checksums={**prepared.checksums, CARD: hashlib.sha256(card).hexdigest()},
    )
    prepared.written = canonical_bytes(manifest)
    prepared.manifest = json.loads(prepared.written)
    write_atomically(prepared.place / MANIFEST, prepared.written)
    prepared.number = number


def move_into_place(prepared: PreparedVersion) -> str:
    """Rename the folder to its final place; return that place, relative to the store."""
    folder = f"{prepared.model.workspace_id}/{prepared.model.pk}/{prepared.number}-{prepared.digest[:12]}"
    final = Path(settings.ML_MODELS_DIR) / folder
    if prepared.place != final:
        remove_folder(final)  # left by a run of this campaign that died before its commit: no row names it
        publish_folder(prepared.place, final)
        prepared.place = final
    return folder


def verify_version(version: ModelVersion, *, below: str = "") -> None:
    """Check signature, manifest and checksums of a version's files (those under `below` only, if given)."""
    written = check_files(version, below=below)
    if not is_signed_by_us(written, version.signature):
        raise ArtifactDamaged(
            f"The manifest of version {version.number} does not carry this platform's signature."
            " If SECRET_KEY was changed, run `manage.py resign_versions`."
        )


def refuse_removed(version: ModelVersion) -> None:
    """Raise `Gone` for a version whose files were removed."""
    if version.files_removed_at is not None:
        raise Gone(
            f"The files of version {version.number} were removed on {version.files_removed_at:%Y-%m-%d} to make room."
            " What is known of it stays; to have it again, train it again with the same data, settings and seed."
        )


def check_files(version: ModelVersion, *, below: str = "") -> bytes:
    """Check a version's files against its row, whoever signed them; return the manifest's bytes."""
    refuse_removed(version)
    try:
        return _checked(version, version_folder(version), below)
    except NotFound as error:
        raise ArtifactDamaged(f"The files of version {version.number} lie outside of the store.") from error
    except ArtifactDamaged:
        _refuse_removed_meanwhile(version)
        raise
    except OSError as error:
        _refuse_removed_meanwhile(version)
        raise ArtifactDamaged(f"The files of version {version.number} cannot be read ({error.strerror}).") from error


def _refuse_removed_meanwhile(version: ModelVersion) -> None:
    version.refresh_from_db(fields=["files_removed_at"])
    refuse_removed(version)


def _checked(version: ModelVersion, folder: Path, below: str) -> bytes:
    if not folder.is_dir():
        raise ArtifactDamaged(f"The files of version {version.number} are missing.")
    stored = folder / MANIFEST
    written = stored.read_bytes() if stored.is_file() and not stored.is_symlink() else b""
    if digest_of(written) != version.manifest_sha256:
        raise ArtifactDamaged(f"The file {MANIFEST} is missing or was changed.")
    manifest = json.loads(written)
    if not says_the_same(manifest, version.manifest):
        raise ArtifactDamaged(f"The row of version {version.number} does not say what its manifest says.")
    verify_folder(folder, {**manifest["files"], MANIFEST: version.manifest_sha256}, below=below)
    return written


def whole_file(version: ModelVersion, name: str) -> Path:
    """Return one file of a version, to be handed out; refuse it when it is missing or changed."""
    with open_file(version, name) as file:
        return Path(file.name)


def open_file(version: ModelVersion, name: str) -> BinaryIO:
    """Open one file of a version, once it is known to be whole: what is open can be read to its end, though it be removed."""
    refuse_removed(version)
    place = safe_join(version_folder(version), name)
    if not place.is_file():
        _refuse_missing(version, name)
    try:
        file = place.open("rb")
    except FileNotFoundError:  # at this moment
        _refuse_missing(version, name)
    if hashlib.file_digest(file, "sha256").hexdigest() != version.manifest["files"][name]:
        file.close()
        raise ArtifactDamaged(f"The file {name} of version {version.number} does not match its checksum.")
    file.seek(0)
    return file


def _refuse_missing(version: ModelVersion, name: str) -> NoReturn:
    _refuse_removed_meanwhile(version)
    raise ArtifactDamaged(f"The file {name} of version {version.number} is missing.")


def take_away(version: ModelVersion) -> None:
    """Remove the files of a version whose row says that they are removed; what stays, whyever, is left to the sweep."""
    folder = version_folder(version)
    aside = folder.with_name(f"{REMOVED}{version.pk.hex}")
    with files_may_go(Path(settings.ML_MODELS_DIR)) as may_go:
        if may_go:
            with contextlib.suppress(FileNotFoundError):  # another one was quicker
                folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)


def sweep_orphans() -> list[str]:
    """Remove version and staging folders that no row names and that are older than a day; return their names."""
    root, removed = Path(settings.ML_MODELS_DIR), []
    if not may_sweep(root):
        return []
    with files_may_go(root) as may_go:
        for name in orphans() if may_go else ():
            logger.info("Removing %s, which no version names.", name)
            remove_folder(root / name)
            removed.append(name)
    return removed


def orphans() -> list[str]:
    """Return the folders older than a day that no row names, or only one whose files are removed."""
    root = Path(settings.ML_MODELS_DIR)
    if not may_sweep(root):
        return []
    old = [folder.relative_to(root).as_posix() for folder in _old_folders(root)]
    kept = set(ModelVersion.objects.filter(files_removed_at=None).values_list("folder", flat=True))  # after the look
    return [name for name in old if name not in kept]


def _old_folders(root: Path) -> Iterator[Path]:
    limit = time.time() - _GRACE_SECONDS
    for folder in root.glob("*/*/*"):
        if folder.is_dir() and folder.stat().st_mtime < limit:
            yield folder
