"""Forms are checked by the serializers of the API: what it refuses, a page refuses, in the same words, beside its field."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer

from apps.core.api.errors import describe
from apps.core.errors import InvalidInput, PlatformError, Problem
from apps.dashboard.pages.access import Visit

ROWS_A_PAGE = 25
_MOST_SAID = 10


def checked(form: Serializer[Any]) -> dict[str, Any]:
    """Return what a form holds, or raise the refusal that names the fields at fault."""
    if not form.is_valid():
        _status, _code, _title, detail, problems, _wait = describe(ValidationError(form.errors)) or (0, "", "", "", [], None)
        raise InvalidInput(detail.lstrip("/"), problems)
    return dict(form.validated_data)


class PageForm:
    """A form whose faults stand beside their fields."""

    labels: ClassVar[Mapping[str, Any]] = {}  # what the fields are called on the page

    def __init__(self) -> None:
        self.faults: dict[str, list[str]] = {}  # by field; "" is the form as a whole

    def field_of(self, pointer: str) -> str:
        """Return the field that a pointer of the API means, or means a part of; "" when there is none."""
        name = pointer.lstrip("/").partition("/")[0]
        return name if name in self.labels else ""

    def label_of(self, field: str) -> str:
        """Return what a field is called on the page."""
        return str(self.labels.get(field, ""))

    def refuse(self, error: PlatformError) -> None:
        """Put what a verb refused beside the fields that it is about."""
        problems = error.problems or [Problem("", error.code, error.detail)]
        for problem in problems[:_MOST_SAID]:
            self.say(self.field_of(problem.pointer), problem.detail)
        if more := problems[_MOST_SAID:]:
            self.say(self.field_of(more[0].pointer), _("and {count} more").format(count=len(more)))

    def say(self, field: str, text: str) -> None:
        """Add a fault to a field, once."""
        said = self.faults.setdefault(field, [])
        if text not in said:
            said.append(text)

    @property
    def summary(self) -> list[dict[str, str]]:
        """What is wrong, each with the words of its field."""
        return [
            {"field": field, "label": self.label_of(field), "text": text}
            for field, texts in self.faults.items()
            for text in texts
        ]


def turn_to_the_form_s_workspace(visit: Visit) -> UUID:
    """Look at the workspace that the form was shown for, whichever another tab has chosen since; return its id."""
    meant = visit.request.POST.get("workspace")
    found: UUID | None = next((workspace.pk for workspace in visit.workspaces if str(workspace.pk) == meant), None)
    if found is None:
        raise Http404
    visit.turn_to(found)
    return found


def page_of(visit: Visit, rows: QuerySet[Any] | list[Any], name: str = "page", *, most: int = ROWS_A_PAGE) -> Page[Any]:
    """Return the part of a list that the address asks for (`?page=`); the nearest one when there is no such."""
    return Paginator(rows, most).get_page(visit.request.GET.get(name))
