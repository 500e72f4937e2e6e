"""Deny by default: an action that a view does not declare is closed to everybody."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.core.permissions import ACTS_OF_SCOPE
from apps.workspaces.access import Access


class DeclaredAccess(BasePermission):
    """Let a caller through to an action whose act its key's scope covers.

    Membership and role are checked against the object; `ScopedViewSet` holds back the answer of a view that forgets.
    """

    message = "This route does not say who may use it, so nobody may."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Say whether the caller may try this action at all; a key too narrow is told what is needed."""
        if not isinstance(request.auth, Access):
            return False
        if str(request.method).lower() not in getattr(view, "action_map", {str(request.method).lower()}):
            raise MethodNotAllowed(str(request.method))
        act = getattr(view, "acts", {}).get(getattr(view, "action", None))
        if act is not None and act not in ACTS_OF_SCOPE.get(request.auth.scope, frozenset()):
            raise request.auth.refusal(act, set(request.auth.roles.values()))
        return act is not None
