"""JSON as the platform answers it: UTF-8, fast, and without NaN or infinity."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer


class FiniteJSONRenderer(BaseRenderer):
    """Render JSON with orjson, which writes NaN and infinity as null."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return the body's bytes; nothing for no data."""
        return b"" if data is None else dump_json(data)


def dump_json(data: Any) -> bytes:
    """Return `data` as finite JSON."""
    return orjson.dumps(data, default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z)


def _plain(value: Any) -> Any:
    if isinstance(value, Promise | UUID):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
