"""`manage.py verify_audit`: whether the audit trail is as it was written, and its heads, to be noted down elsewhere."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.workspaces.audit_chain import Verified, chains, is_held_by, seal_left_behind, verify


class Command(BaseCommand):
    """Look at every link of every chain."""

    help = (
        "Check every audit entry against the chain of hashes, and print the head of each chain: one JSON object a line."
        " Ends with 1 and names what was altered or removed. Heads that are kept elsewhere (--against) also show a trail"
        " that was written anew from one end to the other."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take heads of before."""
        text = "A file with heads that this command printed earlier: each must still be a link of its chain."
        parser.add_argument("--against", type=Path, metavar="FILE", help=text)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the heads, name the faults, and end with an error when there is one."""
        seal_left_behind()
        faults = 0
        for chain in chains():
            found = verify(chain)
            self.stdout.write(json.dumps(_head(found)))
            for fault in found.faults:
                faults += 1
                self.stderr.write(f"{chain or 'no workspace'}, place {fault.place}: {fault.detail}")
        for head in _heads(options["against"]) if options["against"] else []:
            if not is_held_by(head["chain"], head["entries"], head["hash"]):
                faults += 1
                chain = head["chain"] or "no workspace"
                self.stderr.write(
                    f"{chain}: the head at place {head['entries']} is no longer in the chain. It was written anew."
                )
        if faults:
            raise CommandError(f"The audit trail is not as it was written: {faults} faults.")


def _head(found: Verified) -> dict[str, Any]:
    at = found.at.isoformat() if found.at else None
    return {"chain": found.chain, "entries": found.entries, "hash": found.hash, "at": at, "waiting": found.waiting}


def _heads(path: Path) -> list[dict[str, Any]]:
    try:
        heads = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        return [{"chain": str(one["chain"]), "entries": int(one["entries"]), "hash": str(one["hash"])} for one in heads]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} holds no heads as this command prints them: {error}") from error
