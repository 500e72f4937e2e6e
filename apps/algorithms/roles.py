"""Which column of a table of series is what: asked of a profile before a training starts, and again of the file."""

from collections.abc import Mapping
from dataclasses import dataclass

from apps.algorithms.schema import ColumnKind
from apps.core.errors import InvalidInput, Problem

_TIMES = {ColumnKind.DATE, ColumnKind.DATETIME, ColumnKind.INTEGER}
_NUMBERS = {ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.BOOLEAN}


@dataclass(frozen=True)
class Roles:
    """The columns by name: `series` tells series apart ("": there is one), `covariates` are known ahead of time."""

    time: str
    target: str
    series: str = ""
    covariates: tuple[str, ...] = ()


def check_roles(roles: Roles, kinds: Mapping[str, ColumnKind]) -> None:
    """Raise `InvalidInput` when a column cannot be what it is named for."""
    if not roles.time:
        _refuse("/time_column", "A forecast needs the column that holds the times. Name it.")
    if kinds[roles.time] not in _TIMES:
        _refuse(
            "/time_column",
            f"The column {roles.time!r} holds no times. Choose a column of dates, of dates with times, or of whole step numbers.",
        )
    if kinds[roles.target] not in _NUMBERS - {ColumnKind.BOOLEAN}:
        _refuse("/target", f"The column {roles.target!r} holds no numbers; a forecast predicts a number. Choose another.")
    for pointer, name in (("/target", roles.target), ("/group_column", roles.series)):
        if name == roles.time:
            _refuse(pointer, f"The column {name!r} holds the times; it cannot be something else too. Choose another.")
    if roles.series == roles.target:
        _refuse(
            "/group_column", f"{roles.target!r} is what is predicted; it cannot tell series apart. Choose another column."
        )
    for name in roles.covariates:
        if name not in {roles.time, roles.series} and kinds[name] not in _NUMBERS:
            text = f"The column {name!r} holds no numbers; what helps a forecast is given as numbers. Leave it out."
            _refuse("/features", text)


def _refuse(pointer: str, text: str) -> None:
    raise InvalidInput(text, [Problem(pointer, "bad_role", text)])
