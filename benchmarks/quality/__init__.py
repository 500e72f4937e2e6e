"""Are models trained through the HTTP API as good as what a data scientist would fit by hand on the same rows?"""

from benchmarks.quality.run import main

__all__ = ["main"]
