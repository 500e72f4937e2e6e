"""The box that a newcomer reads first."""

from pathlib import Path

from mlplatform.supervisor.accounts import Account
from mlplatform.supervisor.plan import Addresses


def box(addresses: Addresses, account: Account, logs: Path) -> str:
    """Return where to go and what to sign in with, framed."""
    lines = [
        "mlplatform is running.",
        "",
        f"Open       {addresses.web}/",
        f"User       {account.username}",
        f"Password   {account.password or '(the one you chose)'}",
        f"API key    {account.api_key or '(revoked; make another under Settings)'}",
        f"Workspace  {account.workspace}",
        f"Flower     {addresses.flower}/  (admin, {account.flower_password})",
        f"API docs   {addresses.web}/api/v1/docs/",
        f"Logs       {logs}",
        "",
        "Ctrl-C stops everything.",
    ]
    width = max(map(len, lines))
    middle = "\n".join(f"│ {line:<{width}} │" for line in lines)
    return f"\n┌{'─' * (width + 2)}┐\n{middle}\n└{'─' * (width + 2)}┘"
