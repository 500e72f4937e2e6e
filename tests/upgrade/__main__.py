"""`python -m tests.upgrade RELEASE`: keep what this release leaves behind, for every later one to be tested on."""

import argparse
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.upgrade.kept import RELEASES, leave_behind


def main() -> int:
    """Run a platform, use it, back it up, pack it."""
    options = argparse.ArgumentParser(prog="python -m tests.upgrade", description=__doc__)
    options.add_argument("release", help="as in pyproject.toml")
    target = RELEASES / f"{options.parse_args().release}.tar.xz"
    if target.exists():
        print(f"{target.name} is kept already; a release does not change.")
        return 1
    with tempfile.TemporaryDirectory(prefix="mlplatform-upgrade-") as folder:
        left = leave_behind(Path(folder))
        with tarfile.open(target, "w:xz", preset=9) as archive:
            archive.add(left, arcname=".")
    print(f"{target}: {target.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
