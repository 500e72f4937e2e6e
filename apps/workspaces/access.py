"""What a caller is: its memberships seen through its key; the door every scoped query and every act goes through."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from apps.core.errors import Forbidden, NotFound
from apps.core.permissions import ACTS_OF_ROLE, ACTS_OF_SCOPE, Act, Scope, allows, least_with

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

    Built once a request by the authenticators (`request.auth`); a session counts as a key of scope `admin`. `passed` notes
    the acts that were checked with it, and where.
    """

    user: "User"
    roles: dict[UUID, str]
    scope: str = Scope.ADMIN
    api_key_prefix: str = ""
    key_workspace_id: UUID | None = None
    key_expires_at: datetime | None = None
    passed: set[tuple[Act, UUID | None]] = field(default_factory=set, compare=False, repr=False)

    @property
    def actor(self) -> Actor:
        """The caller as the audit trail names it."""
        return Actor(user_id=self.user.pk, api_key_prefix=self.api_key_prefix)

    @property
    def workspace_ids(self) -> list[UUID]:
        """Ids of the workspaces this caller can see: every role may read."""
        self.passed.add((Act.READ, None))
        return list(self.roles)

    def may(self, act: Act, workspace_id: UUID) -> bool:
        """Say whether the caller may do `act` in this workspace."""
        return allows(role=self.roles.get(workspace_id, ""), scope=self.scope, act=act)

    def require(self, act: Act, workspace_id: UUID) -> None:
        """Raise `NotFound` for a stranger, `Forbidden` for a member whose role or key does not reach `act`."""
        if workspace_id not in self.roles:
            raise NotFound
        if not self.may(act, workspace_id):
            raise self.refusal(act, [self.roles[workspace_id]])
        self.passed.add((act, workspace_id))

    def refusal(self, act: Act, roles: Collection[str]) -> Forbidden:
        """Return the refusal of `act`, which names the role (one of `roles`), the key's scope, and what is needed."""
        held = [f"your role is {' or '.join(sorted(roles))}"] if roles else []
        if self.api_key_prefix:
            held.append(f"your key's scope is {self.scope}")
        needed = []
        if not any(act in ACTS_OF_ROLE.get(role, ()) for role in roles):
            needed.append(f"the role {least_with(act, ACTS_OF_ROLE)} or a wider one")
        if act not in ACTS_OF_SCOPE.get(self.scope, ()):
            needed.append(f"a key of scope {least_with(act, ACTS_OF_SCOPE)} or wider")
        return Forbidden(
            f"This needs the right to {act}; {' and '.join(held)}. It takes {' and '.join(needed)}:"
            " ask an owner of the workspace."
        )
