"""What recent keys may reach, remembered for a few seconds; every verb that changes reach has them forgotten."""

import threading
import time

from django.db import transaction

from apps.workspaces.access import Access

_REMEMBER_SECONDS = 3.0
_REMEMBER_KEYS = 1_000


class _RecentKeys:
    """What recent keys may reach, for a few seconds, so that a busy client costs no query a request.

    Revoking a key in this process forgets it at once; other processes follow within `_REMEMBER_SECONDS`.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Access]] = {}
        self._lock = threading.Lock()

    def get(self, digest: str) -> Access | None:
        known = self._known.get(digest)
        return known[1] if known and known[0] > time.monotonic() else None

    def put(self, digest: str, access: Access) -> None:
        with self._lock:
            if len(self._known) >= _REMEMBER_KEYS:
                self._known.clear()
            self._known[digest] = (time.monotonic() + _REMEMBER_SECONDS, access)

    def forget_with_commit(self) -> None:
        self.forget_all()
        transaction.on_commit(self.forget_all)  # in between, another thread may remember what was

    def forget_all(self) -> None:
        with self._lock:
            self._known.clear()


recent_keys = _RecentKeys()
