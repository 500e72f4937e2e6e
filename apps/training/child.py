"""The process that trains: `python -m apps.training.child PARENT` reads one job from its standard input, does it and ends."""

import json
import os
import resource
import sys
from uuid import UUID

_NICE = 10


def main() -> None:
    """Take the limits, import the libraries, wait for the job; no job (end of input) is an honourable end."""
    from apps.core.children import die_with_parent

    die_with_parent(int(sys.argv[1]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings.local")
    import django

    django.setup()
    from django.conf import settings

    os.nice(_NICE)
    from apps.core.logs import add_ids
    from apps.training import lifecycle
    from apps.training.engine import training
    from apps.training.supervision import EXIT_LEASE_LOST, EXIT_MEMORY

    training.warm_up()
    line = sys.stdin.buffer.readline()
    if not line.strip():
        return
    limit = settings.TRAINING_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    job = json.loads(line)
    add_ids(campaign=job["campaign"])
    try:
        training.run(UUID(job["campaign"]), UUID(job["token"]), int(job["attempt"]))
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except lifecycle.LeaseLost:
        os._exit(EXIT_LEASE_LOST)


if __name__ == "__main__":
    main()
