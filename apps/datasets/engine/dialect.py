"""From unknown bytes to UTF-8 text with a known separator and header; caps are checked before any parser runs.

The header is the first row with a filled cell, unless that is a title: up to five lines with one filled cell at the left, above
a row of names and rows as wide as it. Titles are skipped with a warning. Rows are counted as in the file, from 1.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

SEPARATORS = (";", ",", "\t", "|")
LONGEST_HEADER = 200
_BLOCK = 4 * 1024**2
_SAMPLE = 256 * 1024
_SAMPLE_LINES = 200
MOST_TITLES = 5
_MOST_ALIKE = 0.9
_NUMBER = re.compile(r"\s*[+-]?[\d.,]+\s*$")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FOREIGN = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive", "In Excel, use “Save as” and choose CSV, or send Parquet."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "In Excel, use “Save as” and choose CSV, or send Parquet."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (b"%PDF", "a PDF document", "Export the table as CSV."),
    (b"\x89PNG", "a picture", "Send the table as CSV or Parquet."),
    (b"\xff\xd8\xff", "a picture", "Send the table as CSV or Parquet."),
    (b"\x89HDF", "an HDF5 file", "Send the table as CSV or Parquet; stored models are not accepted."),
    (b"\x80\x02", "a Python pickle", "Send the table as CSV or Parquet; pickles are never opened."),
    (b"\x80\x03", "a Python pickle", "Send the table as CSV or Parquet; pickles are never opened."),
    (b"\x80\x04", "a Python pickle", "Send the table as CSV or Parquet; pickles are never opened."),
    (b"\x80\x05", "a Python pickle", "Send the table as CSV or Parquet; pickles are never opened."),
)


_JSON = re.compile(rb"\s*(\[\s*[\[{]|\{\s*\"[^\"]*\"\s*:)")


class Refused(Exception):
    """The file is refused whole; `problems` are the row-level reasons."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__(problems[0]["detail"])
        self.problems = problems

    @staticmethod
    def problem(code: str, detail: str, *, row: int | None = None, column: str | None = None) -> dict[str, Any]:
        """Return one reason in the API's form."""
        return {"row": row, "column": column, "code": code, "detail": detail}

    @classmethod
    def because(cls, code: str, detail: str, *, row: int | None = None) -> "Refused":
        """Return a refusal for one reason."""
        return cls([cls.problem(code, detail, row=row)])


@dataclass
class Reading:
    """How the file is read; `path` is its UTF-8 text (the upload itself when it was UTF-8 already)."""

    format: str = "csv"
    encoding: str = ""
    separator: str = ""
    path: Path | None = None
    names: list[str] = field(default_factory=list)
    header_bytes: int = 0
    header_row: int = 1
    odd_quotes: bool = False  # a quote is left open, or stands inside a text
    decimal: str = "."
    notes: list[str] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return what a user sees of it."""
        shown = {"\t": "tab"}.get(self.separator, self.separator)
        facts = {"format": self.format, "encoding": self.encoding, "separator": shown, "decimal": self.decimal}
        return {**facts, "notes": self.notes} if self.format == "csv" else {"format": self.format, "notes": self.notes}


def find_dialect(source: Path, text: Path) -> Reading:
    """Detect encoding, separator and header of `source`; write its UTF-8 form to `text` when it is not UTF-8."""
    with source.open("rb") as file:
        head = file.read(_SAMPLE)
    _refuse_foreign(head)
    encoding = _encoding(source, head)
    path = source
    if encoding not in {"utf-8", "utf-8-sig"}:
        path = text
        _transcode(source, text, encoding)
    _check_lines(path)
    shown = {"utf-8-sig": "utf-8 (BOM)"}.get(encoding, encoding)
    return _header(path, Reading(encoding=shown, path=path, odd_quotes=_odd_quotes(path)))


def _refuse_foreign(head: bytes) -> None:
    for magic, what, instead in _FOREIGN:
        if head.startswith(magic):
            raise Refused.because("not_a_table", f"This is {what}, not a CSV file. {instead}")
    if _JSON.match(head.removeprefix(codecs.BOM_UTF8)):
        raise Refused.because("not_a_table", "This is JSON, not a CSV file. Write its rows as CSV or Parquet and send that.")


def _encoding(source: Path, head: bytes) -> str:
    for bom, name in _BOMS:
        if head.startswith(bom):
            if name == "utf-8-sig" and not _decodes(source, "utf-8"):
                words = "The file says that it is UTF-8 and holds bytes that are not. Save it again as UTF-8."
                raise Refused.because("encoding", words)
            return name
    if b"\0" in head:
        even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
        few = len(head[:2000]) // 10
        if odd > 3 * few and even < few:
            return "utf-16-le"
        if even > 3 * few and odd < few:
            return "utf-16-be"
        raise Refused.because("binary", "The file holds binary data, not text. Send a CSV or a Parquet file.")
    if _decodes(source, "utf-8"):
        return "utf-8"
    return "cp1252" if _decodes(source, "cp1252") else "latin-1"


def _decodes(source: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with source.open("rb") as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _transcode(source: Path, text: Path, encoding: str) -> None:
    try:
        with source.open(encoding=encoding, newline="") as read, text.open("w", encoding="utf-8", newline="") as write:
            while block := read.read(_BLOCK):
                write.write(block)
    except UnicodeError as error:
        raise Refused.because("encoding", f"The text cannot be decoded as {encoding}: {error}.") from error


def _check_lines(path: Path) -> None:
    limit, start, line = settings.UPLOAD_MAX_LINE_BYTES, 0, 1
    longest_open = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if b"\0" in block:
                raise Refused.because("nul", "The file holds NUL characters. Export it again as plain text.")
            ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
            if len(ends):
                first = int(ends[0]) + longest_open
                gaps = np.diff(ends)
                if first > limit or (len(gaps) and int(gaps.max()) > limit):
                    line += 0 if first > limit else int(gaps.argmax()) + 1
                    raise _too_long(line, limit)
                line += len(ends)
                longest_open = len(block) - int(ends[-1]) - 1
            else:
                longest_open += len(block)
            if longest_open > limit:
                raise _too_long(line, limit)
            start += len(block)


def _odd_quotes(path: Path) -> bool:
    with path.open("rb") as file:
        return sum(block.count(b'"') for block in iter(lambda: file.read(_BLOCK), b"")) % 2 == 1


def _too_long(line: int, limit: int) -> Refused:
    return Refused.because(
        "line_too_long", f"Line {line} is longer than {limit // 1024} KiB. Is a quote left open?", row=line
    )


def _header(path: Path, reading: Reading) -> Reading:
    with path.open(encoding="utf-8-sig", newline="") as file:
        sample = file.read(max(_SAMPLE, settings.UPLOAD_MAX_LINE_BYTES))
    if not sample.strip():
        raise Refused.because("empty", "The file holds no text.")
    reading.separator = _separator(sample)
    rows, fault = _sampled_rows(sample, reading.separator)
    if not rows:
        words = f"The header cannot be read: {fault}." if fault else "The file holds no text."
        raise Refused.because("header" if fault else "empty", words, row=1 if fault else None)
    titles = _titles([row.cells for row in rows], reading.separator)
    header = rows[titles]
    names = header.cells
    if reading.odd_quotes and any("\n" in name for name in names):
        words = "A quote is opened in the header and the quotes of the file do not pair; close it, or double it."
        raise Refused.because("open_quote", words, row=header.first)
    if len(names) > settings.UPLOAD_MAX_COLUMNS:
        limit = settings.UPLOAD_MAX_COLUMNS
        raise Refused.because(
            "too_many_columns", f"The header names {len(names)} columns; at most {limit} are accepted.", row=header.line
        )
    bom = len(codecs.BOM_UTF8) if encoded_bom(path) else 0
    reading.header_bytes, reading.header_row = bom + header.end, header.line
    if titles:
        shown = next(cell.strip() for row in rows[:titles] for cell in row.cells if cell.strip())[:60]
        words = f"What stands above row {header.line} ({shown}) is a title; the names are taken from row {header.line}."
        _renamed(reading, None, "title", words)
    reading.names = clean_names(names, reading)
    return reading


@dataclass(frozen=True)
class _Row:
    """A row of the sample, with the numbers of its first and last line and the bytes up to its end."""

    cells: list[str]
    first: int
    line: int
    end: int


def _sampled_rows(sample: str, separator: str) -> tuple[list[_Row], str]:
    """Return rows from the first with a filled cell on, and why they end where one cannot be parsed."""
    lines = _CountedLines(sample)
    reader = csv.reader(lines, delimiter=separator)
    rows: list[_Row] = []
    before = 0
    try:
        for cells in reader:
            if rows or any(cell.strip() for cell in cells):
                end = len(lines.taken.encode()) if len(rows) <= MOST_TITLES else 0
                rows.append(_Row(cells, before + 1, reader.line_num, end))
            before = reader.line_num
            if len(rows) >= _SAMPLE_LINES:
                break
    except csv.Error as error:  # a cell longer than the module reads
        return rows, str(error)
    return rows, ""


def _titles(rows: list[list[str]], separator: str) -> int:
    """Count the rows above the header that are a title; 0 when the first is the header itself."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[: MOST_TITLES + 1]]
    at = next((place for place, count in enumerate(filled) if count > 1), 0)
    if at == 0 or not all(count == 0 or row[0].strip() for row, count in zip(rows[:at], filled, strict=False)):
        return 0
    header, below = rows[at], [row for row in rows[at + 1 :] if row]
    if not all(cell.strip() and not _NUMBER.match(cell) for cell in header):
        return 0
    if separator == "," and any(cell.startswith(" ") for cell in header):
        return 0  # prose, not cells
    alike = sum(len(row) == len(header) for row in below)
    return at if below and alike >= _MOST_ALIKE * len(below) else 0


def encoded_bom(path: Path) -> bool:
    """Tell whether the text starts with a byte order mark."""
    with path.open("rb") as file:
        return file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8


class _CountedLines:
    """Lines of a text, remembering what was taken."""

    def __init__(self, text: str) -> None:
        self._lines = iter(io.StringIO(text, newline="").readlines())
        self.taken = ""

    def __iter__(self) -> "_CountedLines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken += line
        return line


def _separator(sample: str) -> str:
    best, best_score = "", (-1.0, 0)
    narrow: list[str] = []  # those under which there is one column, everywhere
    for separator in SEPARATORS:
        rows = [row.cells for row in _sampled_rows(sample, separator)[0]]
        widths = [len(row) for row in rows[_titles(rows, separator) :] if row]
        if set(widths) == {1}:
            narrow.append(separator)
        if not widths or widths[0] < 2:
            continue
        common, times = Counter(widths).most_common(1)[0]
        score = (times / len(widths) if common > 1 else 0.0, common)
        if score > best_score:
            best, best_score = separator, score
    return best or ("," if "," in narrow else next(iter(narrow), ","))


def clean_names(names: list[str], reading: Reading) -> list[str]:
    """Return names that are short, distinct and not blank; each change is a warning of `reading`."""
    clean: dict[str, None] = {}
    taken, copies = set(names), Counter[str]()
    for number, given in enumerate(names, start=1):
        name = " ".join("".join(c for c in given if c.isspace() or unicodedata.category(c) != "Cc").split())
        held_control_characters = name != " ".join(given.split())
        if not name:
            name = f"column_{number}"
            _renamed(reading, name, "blank_name", f"Column {number} has no name; it is called {name!r}.")
        if held_control_characters:
            _renamed(reading, name, "control_characters", f"The name of column {number} held control characters.")
        if len(name) > LONGEST_HEADER:
            name = name[:LONGEST_HEADER]
            _renamed(reading, name, "long_name", f"The name of column {number} is cut to {LONGEST_HEADER} characters.")
        if name in clean:
            copies[name] = max(2, copies[name])
            while (copy := f"{name}_{copies[name]}") in clean or copy in taken:
                copies[name] += 1
            _renamed(reading, copy, "duplicate_name", f"A second column {name!r} is called {copy}.")
            name = copy
        clean[name] = None
    return list(clean)


def _renamed(reading: Reading, column: str | None, code: str, detail: str) -> None:
    reading.warnings.append({"column": column, "code": code, "detail": detail})
