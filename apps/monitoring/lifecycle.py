"""The legal changes of a drift check, as compare-and-set with a lease."""

from datetime import timedelta

from apps.core.leases import Leases
from apps.monitoring.models import DriftReport

checks = Leases(
    DriftReport.objects,
    lease=timedelta(seconds=120),
    died="The process that compared these rows died three times. Look at the worker's log.",
)
