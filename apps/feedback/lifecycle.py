"""The legal changes of a file of labels, as compare-and-set with a lease."""

from datetime import timedelta

from apps.core.leases import Leases
from apps.feedback.models import LabelFile

label_files = Leases(
    LabelFile.objects,
    lease=timedelta(seconds=120),
    died="The process that read this file died three times. Split the file, or look at the worker's log.",
)
