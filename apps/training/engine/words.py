"""How a run that failed is told."""

import signal

from django.conf import settings


def is_memory(error: BaseException) -> bool:
    """Say whether a library's error means that there was no memory left."""
    return "bad_alloc" in str(error) or "unable to allocate" in str(error).lower()


def failure_words(error: BaseException) -> str:
    """Return a sentence for an error that nobody foresaw."""
    what = str(error).strip().splitlines()
    detail = f": {what[0][:300]}" if what else ""
    return f"The training stopped with {type(error).__name__}{detail}. The worker's log has the details; check the data and parameters."


def memory_words() -> str:
    """Say that the memory limit was reached, and what to do."""
    limit = settings.TRAINING_MEMORY_BYTES / 1024**3
    return f"The training reached its memory limit of {limit:g} GiB. Use fewer rows or columns, smaller or fewer trees, or a higher limit."


def death_words(code: int) -> str:
    """Say how a process died, and what that usually means."""
    if code == -signal.SIGKILL:
        return "The training process was killed (signal 9), maybe because the machine ran out of memory."
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        return f"The training process crashed (signal {-code}, {name}) in a library."
    return f"The training process ended by itself with exit code {code}, before it had a result."
