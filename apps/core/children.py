"""A child process that does not outlive its parent, and how many threads its libraries take."""

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_WATCH_SECONDS = 1.0
_BUSY = 1.5  # times the cores; one training leaves a load of about as many as there are


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; elsewhere than Linux a thread watches for it.

    `parent` is the pid of whoever started this process, as it was told: asked for here, it could be that of the process
    which took over an orphan.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def thread_limits(threads: int) -> dict[str, str]:
    """Return the environment in which numeric libraries take so many threads; they read it when they are loaded."""
    return {
        **{f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")},
        "OMP_WAIT_POLICY": "PASSIVE",  # beside busy neighbours, threads that spin make one another wait
        "GOMP_SPINCOUNT": "10000",  # some microseconds first: where to sleep and wake takes longer than the work itself
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # its own takes a GiB at once, a quarter of what the limit allows
    }


def threads_here(most: int) -> int:
    """Return how many threads to work with now: one where much more wants to run than there are cores.

    Threads that share a loop wait at its end for the last of them. On two cores with a load of ten, a boosting of two threads took
    24 s in place of one.
    """
    return 1 if os.getloadavg()[0] > _BUSY * (os.cpu_count() or 1) else most


def limit_threads(threads: int) -> None:
    """Have the libraries that this process has not loaded yet take so many threads."""
    for name, value in thread_limits(threads).items():
        os.environ[name] = value


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
