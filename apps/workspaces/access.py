"""What a caller is: its memberships seen through its key; the door every scoped query and every act goes through."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from apps.core.errors import Forbidden, NotFound
from apps.core.permissions import Act, Scope, allows

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does a thing: a user, with the key used if any. `SYSTEM` is the platform itself."""

    user_id: int | None
    api_key_prefix: str = ""


SYSTEM = Actor(user_id=None)


@dataclass(frozen=True, slots=True)
class Access:
    """A caller's reach: the role held in each workspace, limited by the scope of the key in use.

    Built once a request by the authenticators (`request.auth`); a session counts as a key of scope `admin`.
    """

    user: "User"
    roles: dict[UUID, str]
    scope: str = Scope.ADMIN
    api_key_prefix: str = ""

    @property
    def actor(self) -> Actor:
        """The caller as the audit trail names it."""
        return Actor(user_id=self.user.pk, api_key_prefix=self.api_key_prefix)

    @property
    def workspace_ids(self) -> list[UUID]:
        """Ids of the workspaces this caller can see."""
        return list(self.roles)

    def may(self, act: Act, workspace_id: UUID) -> bool:
        """Say whether the caller may do `act` in this workspace."""
        return allows(role=self.roles.get(workspace_id, ""), scope=self.scope, act=act)

    def require(self, act: Act, workspace_id: UUID) -> None:
        """Raise `NotFound` for a stranger, `Forbidden` for a member whose role or key does not reach `act`."""
        if workspace_id not in self.roles:
            raise NotFound
        if not self.may(act, workspace_id):
            role = self.roles[workspace_id]
            raise Forbidden(
                f"This needs the right to {act}; your role here is {role} and your key's scope is {self.scope}."
                " Ask an owner of the workspace for a wider role or key."
            )
