"""Deny by default: an action that a view does not declare is closed to everybody."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.core.permissions import ACTS_OF_SCOPE
from apps.workspaces.access import Access


class DeclaredAccess(BasePermission):
    """Let a caller through to an action whose act its key's scope covers; membership is checked against the object."""

    message = "Your role or key does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Say whether the caller may try this action at all."""
        if not isinstance(request.auth, Access):
            return False
        act = getattr(view, "acts", {}).get(getattr(view, "action", None))
        return act is not None and act in ACTS_OF_SCOPE.get(request.auth.scope, frozenset())
