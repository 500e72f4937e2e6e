"""A JSON column written by orjson: the prediction log stores thousands of values a request."""

from typing import Any

import orjson
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.core.api.renderers import dump_json


class FastJSONField(models.JSONField):
    """A `JSONField` whose values are plain JSON; NaN and infinity are stored as null."""

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        """Return the value as the database driver takes it."""
        if value is None or hasattr(value, "resolve_expression"):
            return super().get_db_prep_value(value, connection, prepared)
        if connection.vendor == "postgresql":
            from psycopg.types.json import Jsonb

            return Jsonb(value, dumps=dump_json)
        return dump_json(value).decode()

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return the parsed value."""
        return orjson.loads(value) if isinstance(value, str) else super().from_db_value(value, expression, connection)
