"""Every measurement, one after the other: `python -m benchmarks`."""

from benchmarks import forecasts, quality, serving, training

for measurement in (serving, training, quality, forecasts):
    measurement.main()
