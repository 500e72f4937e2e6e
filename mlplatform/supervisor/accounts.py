"""The first account: made once; its first password and key live in `quickstart.json` alone."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from apps.core.artifacts import write_atomically
from apps.core.permissions import Scope
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import create_workspace, issue_key
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.selectors import live_key

USERNAME, WORKSPACE = "admin", "Demo"


@dataclass(frozen=True, slots=True)
class Account:
    """What the first user signs in with."""

    username: str
    password: str
    api_key: str
    workspace: str
    flower_password: str


def first_account(path: Path) -> Account:
    """Return the account of `quickstart.json`; without that file its user gets a new password and key.

    A password that was changed since, and a key that was revoked, stay so: they come back empty.
    """
    known = json.loads(path.read_text()) if path.exists() else {}
    with transaction.atomic():
        user = User.objects.filter(username=USERNAME).first()
        if user is None:
            user = User.objects.create(username=USERNAME, is_staff=True, is_superuser=True)
            known = {}
        membership = Membership.objects.select_related("workspace").filter(user=user).order_by("pk").first()
        workspace: Workspace = (
            membership.workspace if membership else create_workspace(name=WORKSPACE, owner=user, actor=SYSTEM)
        )
        if known:
            password = known["password"] if user.check_password(known["password"]) else ""
            api_key = known["api_key"] if live_key(known["api_key"]) else ""
        else:
            password = secrets.token_urlsafe(12)
            user.set_password(password)
            user.save()
            _, api_key = issue_key(user=user, workspace=None, name="quickstart", scope=Scope.ADMIN, actor=SYSTEM)
    flower = known.get("flower_password") or secrets.token_urlsafe(12)
    return Account(USERNAME, password, api_key, str(workspace.pk), flower)


def write_facts(path: Path, *, url: str, flower_url: str, account: Account, processes: dict[str, int]) -> None:
    """Write `quickstart.json`, readable by its owner alone, in one step."""
    facts = {"url": url, **asdict(account), "flower_url": flower_url, "processes": processes}
    write_atomically(path, json.dumps(facts, indent=2).encode(), mode=0o600)
