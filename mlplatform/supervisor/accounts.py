"""The first account: made once; its password and key live in `quickstart.json` alone."""

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
    """Return the account of `quickstart.json`, made or renewed as needed."""
    known = json.loads(path.read_text()) if path.exists() else {}
    with transaction.atomic():
        user = User.objects.filter(username=USERNAME).first()
        if user is None:
            user = User(username=USERNAME, is_staff=True, is_superuser=True)
            user.set_unusable_password()
            user.save()
        password = str(known.get("password", ""))
        if not password or not user.check_password(password):
            password = secrets.token_urlsafe(12)
            user.set_password(password)
            user.save()
        membership = Membership.objects.select_related("workspace").filter(user=user).order_by("pk").first()
        workspace: Workspace = (
            membership.workspace if membership else create_workspace(name=WORKSPACE, owner=user, actor=SYSTEM)
        )
        api_key = str(known.get("api_key", ""))
        if not api_key or live_key(api_key) is None:
            _, api_key = issue_key(user=user, workspace=None, name="quickstart", scope=Scope.ADMIN, actor=SYSTEM)
    flower = str(known.get("flower_password") or secrets.token_urlsafe(12))
    return Account(USERNAME, password, api_key, str(workspace.pk), flower)


def write_facts(path: Path, *, url: str, flower_url: str, account: Account, processes: dict[str, int]) -> None:
    """Write `quickstart.json`, readable by its owner alone, in one step."""
    facts = {"url": url, **asdict(account), "flower_url": flower_url, "processes": processes}
    write_atomically(path, json.dumps(facts, indent=2).encode(), mode=0o600)
