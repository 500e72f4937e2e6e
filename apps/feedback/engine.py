"""Worker only: a file of late labels, read in portions; all of it is taken, or it is refused with the rows at fault."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.db import transaction

from apps.algorithms.schema import ColumnKind, TableSchema, Task
from apps.core.artifacts import storage_guard
from apps.core.errors import DATABASE_AWAY, PlatformError, Problem
from apps.core.instance import private_folder
from apps.datasets.engine.dialect import Reading, Refused, find_dialect
from apps.datasets.engine.tables import text_batches
from apps.feedback.actions import MOST_PROBLEMS, Taken, Verdict, read_verdicts, take_rows
from apps.feedback.lifecycle import label_files
from apps.feedback.models import Feedback, LabelFile
from apps.registry.models import RegisteredModel
from apps.registry.selectors import champion_of
from apps.workspaces.access import Actor

logger = logging.getLogger(__name__)
_COLUMNS = {"prediction", "label", "correct", "known_at", "subject"}
_AT_ONCE = 1_000
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_PARQUET = b"PAR1"


class LeaseLost(Exception):
    """Another run has this file now."""


def read(file_id: UUID, token: UUID) -> None:
    """Read a claimed file; every failure ends in words on its row, or gives the row back when the database is away."""
    given = LabelFile.objects.select_related("model").get(pk=file_id)
    path = private_folder("labels") / given.path
    text = path.with_suffix(".utf8")
    try:
        with storage_guard():
            rows = _Labels(given, token).rows(path, text)
        with transaction.atomic():
            actor = Actor(given.created_by_id, given.api_key_prefix)
            taken = take_rows(given.model, rows, source=Feedback.Source.FILE, actor=actor) if rows else Taken(0, 0)
            givers = len({one.giver for one in rows})
            facts = {"rows": len(rows), "created": taken.created, "replaced": taken.replaced, "givers": givers, "path": ""}
            _complete(file_id, token, facts)
        path.unlink(missing_ok=True)
    except LeaseLost:
        logger.info("The labels of %s are read by another run", file_id)
    except Refused as refusal:
        _refuse(file_id, token, refusal.problems, path)
    except PlatformError as error:
        _fail(file_id, token, error.detail, path)
    except DATABASE_AWAY:
        raise  # the lease runs out, and the file is read again
    except Exception as error:
        _fail(file_id, token, f"Reading stopped with {type(error).__name__}; the worker's log has the details.", path)
        raise
    finally:
        text.unlink(missing_ok=True)


def _complete(file_id: UUID, token: UUID, facts: dict[str, Any]) -> None:
    if not label_files.complete(file_id, token, **facts):
        raise LeaseLost


def _fail(file_id: UUID, token: UUID, reason: str, path: Path) -> None:
    if label_files.fail(file_id, token, reason=reason):
        path.unlink(missing_ok=True)


def _refuse(file_id: UUID, token: UUID, problems: list[dict[str, Any]], path: Path) -> None:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    row = problems[0]["row"]
    where = f"Row {row}: " if row else ""
    with transaction.atomic():
        held = LabelFile.objects.filter(pk=file_id, token=token)
        held.update(problems=problems, path="")
        label_files.fail(file_id, token, reason=f"Nothing of the file was taken. {where}{problems[0]['detail']}{more}")
    path.unlink(missing_ok=True)


class _Labels:
    """The rows of one file, checked against the log."""

    def __init__(self, given: LabelFile, token: UUID) -> None:
        self.given, self.token, self.model = given, token, given.model
        self.actor = Actor(given.created_by_id, given.api_key_prefix)
        self.problems: list[dict[str, Any]] = []

    def rows(self, path: Path, text: Path) -> list[Feedback]:
        """Return what is to be kept; raise `Refused` with the rows at fault."""
        kept: list[Feedback] = []
        met: dict[tuple[str, str], int] = {}
        label = _label_reader(self.model)
        first = 0
        for header, cells in _portions(path, text):
            if not label_files.renew(self.given.pk, self.token):
                raise LeaseLost
            verdicts = [self._verdict(row, header + first + place, label) for place, row in enumerate(cells)]
            if not self.problems:
                rows, wrong = read_verdicts(
                    self.model, verdicts, met=met, source=Feedback.Source.FILE, actor=self.actor, first=first
                )
                kept += rows
                self.problems += [_of_row(one, header) for one in wrong]
            first += len(cells)
            if first > settings.LABELS_MAX_ROWS:
                raise Refused.because("too_many_rows", f"The file has more than {settings.LABELS_MAX_ROWS} rows; split it.")
            if len(self.problems) >= MOST_PROBLEMS:
                break
        if self.problems:
            raise Refused(self.problems[:MOST_PROBLEMS])
        return kept

    def _verdict(self, row: dict[str, Any], number: int, label: "_Reader") -> Verdict:
        def fault(column: str, code: str, words: str) -> None:
            self.problems.append({"row": number, "column": column, "code": code, "detail": words})

        known, correct, true = row.get("known_at"), row.get("correct"), row.get("label")
        if isinstance(correct, str) and correct:
            if correct.lower() not in _FLAGS:
                fault("correct", "wrong_type", "Write true or false.")
            correct = _FLAGS.get(correct.lower())
        try:
            at = _time(known)
        except ValueError:
            at = None
            fault("known_at", "bad_time", "Write the time as 2026-01-31T08:30:00Z, or the date as 2026-01-31.")
        try:
            read_label = None if true in (None, "") else label(true)
        except ValueError:
            read_label = None
            fault("label", "wrong_type", "The label is not written as the model's are.")
        subject = row.get("subject")
        return Verdict(
            str(row.get("prediction") or "").strip()[:60],
            correct=None if correct in (None, "") else bool(correct),
            label=read_label,
            subject="" if subject is None else str(subject).strip(),
            known_at=at,
        )


def _of_row(problem: Problem, header: int) -> dict[str, Any]:
    _, _, place, field = problem.pointer.split("/", 3)
    return {"row": header + int(place), "column": field, "code": problem.code, "detail": problem.detail.split(": ", 1)[-1]}


_Reader = Any
_WHOLE = 2.0**53  # numbers below are told apart one by one


def _label_reader(model: RegisteredModel) -> _Reader:
    """Return what reads a cell as the model's labels are written; it raises `ValueError` for what is none."""
    champion = champion_of(model)
    kind = TableSchema.from_json(champion.schema).target_kind if champion else None
    if model.task == Task.ANOMALY:
        return lambda cell: int(str(cell))
    if model.task in (Task.REGRESSION, Task.FORECAST) or kind == ColumnKind.NUMBER:
        return _number
    if kind == ColumnKind.INTEGER:
        return _class_number
    if kind == ColumnKind.BOOLEAN:
        return _flag
    return lambda cell: str(cell).strip()


def _number(cell: Any) -> float:
    if isinstance(cell, str):
        cell = cell.replace("\u202f", "").replace("\xa0", "").replace(" ", "")
        cell = cell.replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell
    number = float(cell)
    if number - number != 0:
        raise ValueError
    return number


def _class_number(cell: Any) -> int | float:
    number = _number(cell)
    return int(number) if number.is_integer() and abs(number) < _WHOLE else number


def _flag(cell: Any) -> bool:
    if str(cell).lower() not in _FLAGS:
        raise ValueError
    return _FLAGS[str(cell).lower()]


def _time(cell: Any) -> datetime | None:
    """Return when a label became known; a date is its first moment, a time without a zone is of UTC."""
    if cell in (None, ""):
        return None
    if isinstance(cell, str):
        cell = datetime.fromisoformat(cell.strip())
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
    if not isinstance(cell, datetime):
        raise ValueError  # noqa: TRY004  (what a cell holds is a value, whatever its type)
    return cell if cell.tzinfo else cell.replace(tzinfo=UTC)


def _portions(path: Path, text: Path) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Yield some rows at once, with the number of the first row below the header."""
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET)) == _PARQUET
    if is_parquet:
        yield from ((1, rows) for rows in _of_parquet(path))
        return
    reading: Reading = find_dialect(path, text)
    _check_columns(reading.names)
    for batch in text_batches(reading):
        for start in range(0, batch.num_rows, _AT_ONCE):
            yield reading.header_row + 1, batch.slice(start, _AT_ONCE).to_pylist()


def _of_parquet(path: Path) -> Iterator[list[dict[str, Any]]]:
    try:
        file = pq.ParquetFile(path)
        _check_columns(file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=_AT_ONCE):
            yield batch.to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise Refused.because("unreadable", "The Parquet file cannot be read.") from error


def _check_columns(names: list[str]) -> None:
    if "prediction" not in names or not {"label", "correct"} & set(names):
        text = "The file needs a column prediction (ids that predict/ answered), and label or correct; it may have known_at and subject."
        raise Refused.because("missing_column", text, row=1)
    if unknown := [name for name in names if name not in _COLUMNS]:
        text = f"The column {unknown[0]!r} is none of prediction, label, correct, known_at and subject. Leave it out."
        raise Refused([Refused.problem("unknown_column", text, row=1, column=unknown[0])])
