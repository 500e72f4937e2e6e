"""Forms are checked by the serializers of the API: what it refuses, a page refuses, in the same words."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer

from apps.core.api.errors import describe
from apps.core.errors import InvalidInput


def checked(form: Serializer[Any]) -> dict[str, Any]:
    """Return what a form holds, or raise the refusal that names the fields at fault."""
    if not form.is_valid():
        _status, _code, _title, detail, problems, _wait = describe(ValidationError(form.errors)) or (0, "", "", "", [], None)
        raise InvalidInput(detail.lstrip("/"), problems)
    return dict(form.validated_data)
