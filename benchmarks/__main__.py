"""Every measurement, one after the other: `python -m benchmarks`."""

from benchmarks import forecasts, quality, searches, serving, training

for measurement in (serving, training, searches, quality, forecasts):
    measurement.main()
