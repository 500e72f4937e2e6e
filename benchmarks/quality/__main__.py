"""`python -m benchmarks.quality`."""

from benchmarks.quality import main

main()
