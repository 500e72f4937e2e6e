"""Bodies that are read whole: a field that nobody reads is refused, never ignored."""

from typing import Any, ClassVar, cast

from django.http import QueryDict
from rest_framework import serializers

from apps.core.names import LONGEST, choose_one_of, words_for_unknown
from apps.core.plain_names import is_plain

_OF_EVERY_FORM = frozenset({"csrfmiddlewaretoken"})
_MOST = 20  # unknown fields that one answer names


class NameField(serializers.CharField):
    """What people call a thing: one line, read in the order in which it was written."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "not_plain": "A name is one line that can be seen, without control characters or marks that turn the direction of writing."
    }

    def to_internal_value(self, data: Any) -> str:
        """Return the name, or refuse it."""
        name: str = super().to_internal_value(data)
        if name and not is_plain(name):
            self.fail("not_plain")
        return name


class KnownFieldsOnly(serializers.Serializer[Any]):
    """Refuse a field that is not there, beside whatever else is wrong; what was read may be sent back as it is."""

    also_taken: ClassVar[frozenset[str]] = frozenset()

    def to_internal_value(self, data: Any) -> Any:
        """Return the values, or raise each fault under its field's name."""
        unknown = self._unknown(data) if isinstance(data, dict) else {}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**unknown, **cast("dict[str, Any]", error.detail)}) from error
        if unknown:
            raise serializers.ValidationError(unknown)
        return value

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; those that take a choice name the choices when they refuse another."""
        fields: dict[str, Any] = super().get_fields()
        for field in fields.values():
            inner = getattr(field, "child", field)
            if isinstance(inner, serializers.ChoiceField):
                known = choose_one_of(inner.choices).replace("{", "{{").replace("}", "}}")
                inner.error_messages["invalid_choice"] = f"There is no choice {{input!r:.100}} here. {known}"
        return fields

    def _unknown(self, data: dict[str, Any]) -> dict[str, Any]:
        ignored = self.also_taken | (_OF_EVERY_FORM if isinstance(data, QueryDict) else frozenset())
        names = [name for name in data if name not in self.fields and name not in ignored][:_MOST]
        known = [name for name, field in self.fields.items() if not field.read_only]
        return {
            name[:LONGEST]: [serializers.ErrorDetail(words_for_unknown(name, "field", known), "unknown_field")]
            for name in names
        }
