"""Forms are checked by the serializers of the API: what it refuses, a page refuses, in the same words."""

from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer

from apps.core.api.errors import describe
from apps.core.errors import InvalidInput
from apps.dashboard.pages.access import Visit

ROWS_A_PAGE = 25


def checked(form: Serializer[Any]) -> dict[str, Any]:
    """Return what a form holds, or raise the refusal that names the fields at fault."""
    if not form.is_valid():
        _status, _code, _title, detail, problems, _wait = describe(ValidationError(form.errors)) or (0, "", "", "", [], None)
        raise InvalidInput(detail.lstrip("/"), problems)
    return dict(form.validated_data)


def turn_to_the_form_s_workspace(visit: Visit) -> UUID:
    """Look at the workspace that the form was shown for, whichever another tab has chosen since; return its id."""
    meant = visit.request.POST.get("workspace")
    found = next((workspace.pk for workspace in visit.workspaces if str(workspace.pk) == meant), None)
    if found is None:
        raise Http404
    visit.turn_to(found)
    return found


def page_of(visit: Visit, rows: QuerySet[Any]) -> Page[Any]:
    """Return the part of a list that the address asks for (`?page=`); the nearest one when there is no such."""
    return Paginator(rows, ROWS_A_PAGE).get_page(visit.request.GET.get("page"))
