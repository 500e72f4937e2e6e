"""Worker only: count, hand out or erase what there is of a subject."""

import logging
import time
from collections.abc import Callable
from uuid import UUID

from apps.core.errors import DATABASE_AWAY, PlatformError
from apps.privacy.engine.erasing import Erasing
from apps.privacy.engine.exporting import export
from apps.privacy.engine.places import Busy, Search, count
from apps.privacy.lifecycle import LeaseLost, complete, postpone, requests
from apps.privacy.models import SubjectRequest

logger = logging.getLogger(__name__)
_RENEW_SECONDS = 10.0


def work(request_id: UUID, token: UUID) -> None:
    """Do what a claimed request asks for; every failure ends in words on its row, or gives the row back."""
    request = SubjectRequest.objects.get(pk=request_id)
    hold = _holder(request_id, token)
    try:
        if request.kind == SubjectRequest.Kind.COUNT:
            complete(request_id, token, counts=count(Search.of(request, hold)))
        elif request.kind == SubjectRequest.Kind.EXPORT:
            export(request, token, Search.of(request, hold))
        else:
            Erasing(request, token, hold).run()
    except LeaseLost:
        logger.info("Request %s is held by another run", request_id)
    except Busy as busy:
        postpone(request_id, token, reason=str(busy))
    except PlatformError as error:
        requests.fail(request_id, token, reason=error.detail)
    except DATABASE_AWAY:
        raise  # the lease runs out, and the request goes on where it was
    except Exception as error:
        text = (
            f"It stopped with {type(error).__name__}; the worker's log has the details. Ask again: it goes on where it was."
        )
        requests.fail(request_id, token, reason=text)
        raise


def _holder(request_id: UUID, token: UUID) -> Callable[[], None]:
    renewed = time.monotonic()

    def hold() -> None:
        nonlocal renewed
        if time.monotonic() - renewed > _RENEW_SECONDS:
            if not requests.renew(request_id, token):
                raise LeaseLost
            renewed = time.monotonic()

    return hold
