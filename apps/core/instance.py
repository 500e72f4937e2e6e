"""Which files belong to this database? Sweeps ask before they remove what no row names.

A new database pointed at an old store names none of its files: without the mark of its owner a sweep would take all of
them for rubbish. A store is marked when it is still empty, at the first `migrate`.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings

from apps.core.artifacts import storage_guard, write_atomically
from apps.core.models import Instance

logger = logging.getLogger(__name__)
MARK, LOCK = ".mlplatform-instance", ".mlplatform-files"


def stores() -> tuple[Path, ...]:
    """Return the folders that keep files which rows name."""
    return Path(settings.ML_MODELS_DIR), Path(settings.DATASETS_DIR)


def private_folder(name: str) -> Path:
    """Return a folder that nobody but the platform's own user may look into; it is made where it is missing."""
    folder = Path(settings.DATASETS_DIR) / "private" / name
    with storage_guard():
        folder.mkdir(parents=True, exist_ok=True)
        for one in (folder.parent, folder):
            one.chmod(0o700)
    return folder


def hold() -> None:
    """Lock the installation's row: who files a file, and who destroys those that no row names, do so one after the other."""
    Instance.objects.select_for_update().get_or_create(only=True)


def owns(store: Path) -> bool:
    """Say whether the files of a store belong to this database."""
    mark, own = store / MARK, _own_id()
    owner = mark.read_text().strip() if mark.exists() else "nobody"
    if owner != own:
        logger.warning("%s belongs to %s, not to this database (%s): nothing in it is removed.", store, owner, own)
    return owner == own


def take_if_empty(store: Path) -> None:
    """Mark a store of nobody that is empty; warn of one that is another database's."""
    if is_away(store):
        adopt(store)
    owns(store)


def may_sweep(store: Path) -> bool:
    """Say whether what no row names may be removed from a store; one that is away is left alone, and stays unmarked."""
    return not is_away(store) and owns(store)


def is_away(store: Path) -> bool:
    """Say whether a store is missing, or an empty folder stands in its place, as where a disk is not mounted."""
    return not (store / MARK).exists() and not _holds_files(store)


def adopt(store: Path) -> None:
    """Mark a store as this database's, whoever had it before."""
    write_atomically(store / MARK, f"{_own_id()}\n".encode())


@contextmanager
def files_stay(store: Path) -> Iterator[None]:
    """Have nobody remove files that a row named a moment ago: a backup copies what its dump names."""
    with _lock(store) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def files_may_go(store: Path) -> Iterator[bool]:
    """Say whether files may be removed now: any number may do so at once, and no backup begins within."""
    with _lock(store) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("%s is being copied: its files are removed later.", store)
            yield False
        else:
            yield True


def _own_id() -> str:
    return str(Instance.objects.get_or_create(only=True)[0].pk)


def _holds_files(store: Path) -> bool:
    folders = [path for path in store.iterdir() if path.is_dir()] if store.is_dir() else []
    return any(path.is_file() for folder in folders for path in folder.rglob("*"))


@contextmanager
def _lock(store: Path) -> Iterator[IO[str]]:
    store.mkdir(parents=True, exist_ok=True)
    with (store / LOCK).open("a") as file:
        yield file
