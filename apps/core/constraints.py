"""Which unique constraint a write ran into, in both databases, and what to say of it."""

import re

from django.apps import apps
from django.db import IntegrityError
from django.db.models import Model, UniqueConstraint

_POSTGRESQL_UNIQUE = "23505"
_SQLITE_UNIQUE = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
_SAME_MOMENT = "Another request wrote the same at the same moment. Look at the present state, then try again if need be."


def words_of_unique_violation(error: IntegrityError) -> str | None:
    """Return what to tell a client whose write is there already; None when another kind of constraint is broken.

    The words are those of the model's constraint (`violation_error_message`), where it has any.
    """
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) == _POSTGRESQL_UNIQUE:
        broken = {str(cause.diag.constraint_name)}  # type: ignore[union-attr]  # an error of psycopg
    elif getattr(cause, "sqlite_errorname", None) in _SQLITE_UNIQUE:
        told = str(cause).partition(": ")[2]  # "table.column, table.column" or "index 'name'"
        broken = set(re.sub(r"^index '(.*)'$", r"\1", told).split(", "))
    else:
        return None
    return next((str(c.violation_error_message) for model, c in _worded() if broken in _names(model, c)), _SAME_MOMENT)


def _worded() -> list[tuple[type[Model], UniqueConstraint]]:
    return [
        (model, constraint)
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, UniqueConstraint)
        and constraint.violation_error_message != constraint.default_violation_error_message
    ]


def _names(model: type[Model], constraint: UniqueConstraint) -> tuple[set[str], set[str]]:
    """Return the constraint as PostgreSQL and as SQLite name it."""
    meta = model._meta
    columns = [field.column for field in meta.concrete_fields if field.name in constraint.fields]
    return {constraint.name}, {f"{meta.db_table}.{column}" for column in columns}
