"""Log lines: plain or JSON, with the ids of what they are about, without control characters and without secrets."""

import contextlib
import fcntl
import functools
import json
import logging
import os
import re
import sys
import uuid
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from django.conf import settings

_ids: ContextVar[dict[str, str] | None] = ContextVar("ids", default=None)
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROLS |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_LINE_BREAKERS = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}  # JSON leaves these as they are
_SECRETS = (
    (re.compile(r"\bmlp_[A-Za-z0-9]{4,16}_[A-Za-z0-9_-]{8,}"), "mlp_***"),
    (re.compile(r"(://[^\s:/@]*):[^\s/@]+@"), r"\1:***@"),
    (re.compile(r"(?i)\b(bearer|basic|token)\s+(?=\S*\d)[A-Za-z0-9._~+/=-]{12,}"), r"\1 ***"),
    (re.compile(r"(?i)\b(password|passwd|secret_key|api_key|access_token)(['\"]?\s*[:=]\s*['\"]?)[^\s'\",;&]+"), r"\1\2***"),
)
_SECRET_PARTS = ("KEY", "PASSWORD", "SECRET", "TOKEN", "AUTH")
_PASSWORD = re.compile(r"://[^\s:/@]*:([^\s/@]+)@")
_SHORTEST_SECRET = 12


def ids() -> dict[str, str]:
    """Return what the lines of now are about: `request`, `task`, `campaign` and so on."""
    return _ids.get() or {}


@contextlib.contextmanager
def about(**named: object) -> Iterator[None]:
    """Have every line within say these ids; those that are None are left out."""
    token = _ids.set({**ids(), **{name: str(value) for name, value in named.items() if value is not None}})
    try:
        yield
    finally:
        _ids.reset(token)


def add_ids(**named: object) -> None:
    """Have the lines from here on say these ids too, until what is around ends."""
    _ids.set({**ids(), **{name: str(value) for name, value in named.items() if value is not None}})


def set_ids(known: dict[str, str]) -> None:
    """Have the lines from here on say these ids and no others."""
    _ids.set(known)


def request_id(given: str | None) -> str:
    """Return the id that a client gives its request if it is a sane one, else a new one."""
    return given if given is not None and _SANE_ID.fullmatch(given) else uuid.uuid4().hex


def without_secrets(text: str) -> str:
    """Return a text without keys, passwords and tokens."""
    for known in _known_secrets():
        text = text.replace(known, "***")
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


@functools.cache
def _known_secrets() -> tuple[str, ...]:
    """Return the secrets of this process's environment and settings, which are there before its first line."""
    named = [value for name, value in os.environ.items() if any(part in name for part in _SECRET_PARTS)]
    named += [found[1] for value in os.environ.values() if (found := _PASSWORD.search(value))]
    if settings.configured:
        named.append(settings.SECRET_KEY)
    return tuple(value for value in named if len(value) >= _SHORTEST_SECRET)


class PlainFormatter(logging.Formatter):
    """One record a line, its ids at the end; the lines of a traceback stand below, each moved in."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text: no value in it begins a line of its own."""
        message = without_secrets(record.getMessage()).translate(_CONTROLS)
        line = f"{self.formatTime(record)} {record.levelname} {record.name} {message}"
        if known := ids():
            line += " " + " ".join(f"{name}={value.translate(_CONTROLS)}" for name, value in known.items())
        return "\n    ".join([line, *_trace(self, record)])


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, ids, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            "process": record.process,
            **{f"{name}_id": value for name, value in ids().items()},
        }
        if trace := _trace(self, record):
            told["traceback"] = "\n".join(trace)
        return json.dumps(told, ensure_ascii=False).translate(_LINE_BREAKERS)


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info else []
    parts += [formatter.formatStack(record.stack_info)] if record.stack_info else []
    return [line.translate(_CONTROLS) for part in parts for line in without_secrets(part).split("\n")]


class SharedFileHandler(WatchedFileHandler):
    """A file that several processes write to, turned over at a size; older ones are `.1`, `.2` and so on.

    Whoever finds it full renames it, one at a time; the others notice with their next line that theirs was moved.
    """

    def __init__(self, filename: str, *, most_bytes: int, keep: int) -> None:
        Path(filename).parent.mkdir(parents=True, exist_ok=True)
        self.most_bytes, self.keep = most_bytes, keep
        super().__init__(filename, encoding="utf-8", delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; a disk that is full costs the line, not the work that wrote it."""
        try:
            self.reopenIfNeeded()
            if self.stream is not None and os.fstat(self.stream.fileno()).st_size > self.most_bytes:
                self._turn_over()
            if self.stream is None:
                self.stream = self._open()
                self._statstream()
        except OSError:
            self.handleError(record)
            return
        logging.StreamHandler.emit(self, record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (the name in logging)
        """Say on the standard error that a line is lost, without a traceback a line."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"A line of {record.name} is not in {self.baseFilename}: {sys.exc_info()[1]}\n")

    def _turn_over(self) -> None:
        path = Path(self.baseFilename)
        with path.with_name(f"{path.name}.lock").open("a") as one_at_a_time:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            if path.exists() and path.stat().st_size > self.most_bytes:  # nobody else was quicker
                for number in range(self.keep, 0, -1):
                    older = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
                    if older.exists():
                        older.replace(path.with_name(f"{path.name}.{number}"))
        self.reopenIfNeeded()
