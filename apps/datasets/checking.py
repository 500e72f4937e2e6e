"""The child process that reads one upload: `python -m apps.datasets.checking PARENT VERSION TOKEN`."""

import logging
import os
import resource
import sys
from uuid import UUID

logger = logging.getLogger(__name__)


def main() -> None:
    """Set the limits, then check."""
    from apps.core.children import die_with_parent

    parent, version, token = sys.argv[1:]
    die_with_parent(int(parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.local")
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # its own takes a GiB at once, most of what the limit allows
    import django

    django.setup()
    from django.conf import settings

    limit = settings.UPLOAD_CHECK_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    from apps.core.errors import DATABASE_AWAY
    from apps.datasets.engine import check

    try:
        check(UUID(version), UUID(token))
    except DATABASE_AWAY:
        logger.exception("The database did not answer.")
        sys.exit(os.EX_TEMPFAIL)


if __name__ == "__main__":
    main()
