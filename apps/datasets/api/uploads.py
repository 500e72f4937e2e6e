"""Multipart bodies: bytes are counted while they stream in, and nothing else is done with them here."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from apps.core.errors import TooLarge

_ROOM_FOR_FIELDS = 64 * 1024


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Stop reading as soon as the cap is passed, whatever the headers promised."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> Any:
        """Count, then write to the temporary file."""
        self.received += len(raw_data)
        if self.received > settings.UPLOAD_MAX_BYTES:
            raise too_large()
        return super().receive_data_chunk(raw_data, start)


class UploadParser(MultiPartParser):
    """Parse `multipart/form-data` under the upload cap."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return fields and files; a body that announces too much is refused unread."""
        request: Request = parser_context["request"]
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > settings.UPLOAD_MAX_BYTES + _ROOM_FOR_FIELDS:
            raise too_large()
        request._request.upload_handlers = [CappedUploadHandler(request._request)]  # noqa: SLF001  (DRF hides it so)
        return super().parse(stream, media_type, parser_context)


def too_large() -> TooLarge:
    """Return the refusal of a file over the cap."""
    limit = settings.UPLOAD_MAX_BYTES / 1024**2
    return TooLarge(f"The file is larger than the {limit:.0f} MiB this platform accepts. Split it, or ask its operator.")
