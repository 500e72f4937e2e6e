"""The legal changes of a judgement, as compare-and-set with a lease."""

from datetime import timedelta

from apps.core.leases import Leases
from apps.retraining.models import GateReport

judgements = Leases(
    GateReport.objects,
    lease=timedelta(seconds=120),
    died="The process that compared the two versions died three times. Look at the worker's log.",
)
