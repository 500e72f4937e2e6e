"""Who may do what: roles of members, scopes of keys, and the acts both are measured against."""

from collections.abc import Mapping
from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Act(StrEnum):
    """What a route asks of its caller."""

    READ = "read"
    PREDICT = "predict"
    ANNOTATE = "annotate"
    TRAIN = "train"
    PROMOTE = "promote"
    ADMINISTER = "administer"


class Role(models.TextChoices):
    """A member's role in one workspace; each includes the ones before it."""

    VIEWER = "viewer", _("Viewer")
    ANNOTATOR = "annotator", _("Annotator")
    TRAINER = "trainer", _("Trainer")
    APPROVER = "approver", _("Approver")
    OWNER = "owner", _("Owner")


class Scope(models.TextChoices):
    """How far an API key reaches, whatever its holder's role."""

    READ = "read", _("Read")
    PREDICT = "predict", _("Predict")
    WRITE = "write", _("Write")
    ADMIN = "admin", _("Administer")


_VIEWER = frozenset({Act.READ, Act.PREDICT})
_ANNOTATOR = _VIEWER | {Act.ANNOTATE}
_TRAINER = _ANNOTATOR | {Act.TRAIN}
_APPROVER = _TRAINER | {Act.PROMOTE}
_EVERY_ACT = frozenset(Act)

ACTS_OF_ROLE: dict[str, frozenset[Act]] = {
    Role.VIEWER: _VIEWER,
    Role.ANNOTATOR: _ANNOTATOR,
    Role.TRAINER: _TRAINER,
    Role.APPROVER: _APPROVER,
    Role.OWNER: _EVERY_ACT,
}
ACTS_OF_SCOPE: dict[str, frozenset[Act]] = {
    Scope.READ: frozenset({Act.READ}),
    Scope.PREDICT: frozenset({Act.READ, Act.PREDICT}),
    Scope.WRITE: _EVERY_ACT - {Act.ADMINISTER},
    Scope.ADMIN: _EVERY_ACT,
}


def allows(*, role: str, scope: str, act: Act) -> bool:
    """Say whether a member with `role`, calling with a key of `scope`, may do `act`; unknown values may do nothing."""
    return act in ACTS_OF_ROLE.get(role, frozenset()) and act in ACTS_OF_SCOPE.get(scope, frozenset())


def least_with(act: Act, table: Mapping[str, frozenset[Act]]) -> str:
    """Return the narrowest role or scope of `table` that covers `act`."""
    return next(str(name) for name, acts in table.items() if act in acts)
