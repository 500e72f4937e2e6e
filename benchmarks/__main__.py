"""Every measurement, one after the other: `python -m benchmarks`."""

from benchmarks import quality, serving, training

for measurement in (serving, training, quality):
    measurement.main()
