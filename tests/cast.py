"""The fixed cast of every access test: one workspace, a member of each role, and people who are not in it."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from apps.core.permissions import Role
from apps.workspaces.models import Workspace
from tests.factories import make_member, make_user, make_workspace


@dataclass(frozen=True)
class Cast:
    """`acme` with one member a role; `rival` with its own owner; a user of no workspace."""

    acme: Workspace
    rival: Workspace
    viewer: User
    annotator: User
    trainer: User
    approver: User
    owner: User
    stranger: User
    nobody: User


def make_cast() -> Cast:
    """Put the cast on the stage."""
    acme, rival = make_workspace("Acme"), make_workspace("Rival")
    members = {role: make_member(acme, role, f"{role}-of-acme") for role in Role.values}
    return Cast(
        acme=acme,
        rival=rival,
        stranger=make_member(rival, Role.OWNER, "owner-of-rival"),
        nobody=make_user("nobody"),
        **members,
    )
