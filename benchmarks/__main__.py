"""Every measurement, one after the other: `python -m benchmarks`."""

from benchmarks import quality, searches, serving, training

for measurement in (serving, training, searches, quality):
    measurement.main()
