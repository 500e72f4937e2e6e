"""The legal changes of a batch, as compare-and-set with a lease."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.core.leases import Leases
from apps.core.models import Instance
from apps.predictions.models import BatchPrediction

batches = Leases(
    BatchPrediction.objects,
    lease=timedelta(seconds=120),
    died="The process that scored this data set died three times. Split the data set, or look at the worker's log.",
)
renew, complete, fail, take_back_expired = batches.renew, batches.complete, batches.fail, batches.take_back_expired


@transaction.atomic
def claim(batch_id: UUID) -> UUID | None:
    """Take a batch that waits; None when it is not to be had, or enough are at work: uploads are checked beside them."""
    # One claim at a time: two would both count the other's as waiting.
    Instance.objects.select_for_update().get_or_create(only=True)
    if batches.at_work() >= settings.BATCH_MAX_RUNNING:
        return None
    return batches.claim(batch_id)
