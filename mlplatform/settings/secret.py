"""The local secret key: made once, kept private, never in git."""

import os
import secrets
from pathlib import Path


def local_secret(folder: Path) -> str:
    """Return the machine's secret key, making it on the first call; two processes at once agree on one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "secret_key"
    if not path.exists():
        fresh = folder / f"secret_key.{os.getpid()}"
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(50))
        try:
            os.link(fresh, path)  # atomic, and refuses to replace: the first writer wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text()
