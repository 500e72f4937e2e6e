"""The child process that reads one upload: `python -m apps.datasets.checking VERSION TOKEN`."""

import os
import resource
import sys
from uuid import UUID


def main() -> None:
    """Set the limits, then check."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.local")
    import django

    django.setup()
    from django.conf import settings

    from apps.core.children import die_with_parent

    die_with_parent()
    limit = settings.UPLOAD_CHECK_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    from apps.datasets.engine import check

    check(UUID(sys.argv[1]), UUID(sys.argv[2]))


if __name__ == "__main__":
    main()
