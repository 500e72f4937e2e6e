"""Posting JSON to an address of somebody's choice, and what its refusal means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from apps.core import outbound

_LONGEST_WAIT = timedelta(hours=1)
_GONE = 410


@dataclass(eq=False)
class NotSent(Exception):
    """Why a message did not go out, in words that hold no secret; `is_final` where another try is of no use."""

    detail: str
    is_final: bool = False
    wait: timedelta | None = None

    def __str__(self) -> str:
        return self.detail


def post(address: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Post a body of JSON; raise `NotSent` unless it was taken."""
    try:
        answer = outbound.post(address, body, {"Content-Type": "application/json", **(headers or {})})
    except outbound.OutboundError as error:
        raise NotSent(error.detail, error.is_final) from error
    if 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        raise NotSent("The server leads to another address, which is not followed. Give the final one.", is_final=True)
    wait = None if answer.retry_after is None else min(_LONGEST_WAIT, timedelta(seconds=answer.retry_after))
    raise NotSent(f"The server refused it with status {answer.status}.", answer.status == _GONE, wait)
