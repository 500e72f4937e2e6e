"""Names stand in lists, logs and files: on one line, in the order in which they were written."""

import re

# Control characters, line separators, and marks that turn the direction of writing.
_NOT_IN_A_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def is_plain(name: str) -> bool:
    """Say whether a name holds nothing that breaks its line or turns its direction."""
    return not _NOT_IN_A_NAME.search(name)


def made_plain(name: str) -> str:
    """Return a name with a space for each run of what does not belong into one."""
    return " ".join(_NOT_IN_A_NAME.sub(" ", name).split())
