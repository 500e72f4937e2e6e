"""Files in multipart bodies, of the API and of the pages: counted while they are taken out, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import NamedTemporaryFile
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from rest_framework.parsers import MultiPartParser

from apps.core.artifacts import storage_guard
from apps.core.errors import InvalidInput, PlatformError, Problem
from apps.core.names import LONGEST
from apps.datasets.incoming import incoming_folder, too_large


class FileOnItsWay(TemporaryUploadedFile):
    """A file beside the uploads, gone when it is closed; its name on disk owes nothing to its sender."""

    def __init__(self, name: str | None, content_type: str | None, charset: str | None) -> None:
        file = NamedTemporaryFile(suffix=".upload", dir=incoming_folder())  # noqa: SIM115  (closed with the request)
        UploadedFile.__init__(self, file, name, content_type, 0, charset)


class UploadParser(MultiPartParser):
    """Reads multipart bodies; of one that breaks off, the file is gone at once, not when memory is next tidied."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return fields and files."""
        try:
            return super().parse(stream, media_type, parser_context)
        except BaseException:
            for handler in parser_context["request"].upload_handlers:
                if (file := getattr(handler, "file", None)) is not None:
                    file.close()
            raise


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Write files to disk up to the cap; behind WSGI, which spools nothing, this is where the reading stops."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.received = 0
        self.files = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Open the file; a second one is refused."""
        self.files += 1
        if self.files > 1:
            text = "Send one file at a time: each is a data set, or a version, of its own."
            raise InvalidInput(text, [Problem(f"/{str(args[0])[:LONGEST]}", "several_files", text)])
        super(TemporaryFileUploadHandler, self).new_file(*args, **kwargs)
        with storage_guard():
            self.file = FileOnItsWay(self.file_name, self.content_type, self.charset)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> Any:
        """Count, then write."""
        self.received += len(raw_data)
        with self._gone_if_refused():
            if self.received > settings.UPLOAD_MAX_BYTES:
                raise too_large()
            return super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> Any:
        """Give the file, all of it on disk."""
        with self._gone_if_refused():
            self.file.flush()
        return super().file_complete(file_size)

    @contextmanager
    def _gone_if_refused(self) -> Iterator[None]:
        try:
            with storage_guard():
                yield
        except PlatformError:
            with suppress(OSError):  # what is still in memory does not fit on a full disk either
                self.file.close()
            raise
