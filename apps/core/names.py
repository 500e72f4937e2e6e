"""Names that a client got wrong: said with what it may have meant, and with those that are known."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

LONGEST = 100  # of a name that is said back


def words_for_unknown(name: str, kind: str, known: Collection[str]) -> str:
    """Return what to say of a name that nothing here reads."""
    shown = name[:LONGEST]
    near = get_close_matches(shown, known, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    words = f"There is no {kind} {shown!r} here; {meant}"
    return words + (f"{'K' if near else 'k'}nown: {', '.join(sorted(known))}." if known else "none is read.")


def choose_one_of(choices: Iterable[object]) -> str:
    """Return what to say to a choice that is none."""
    return f"Choose one of: {', '.join(map(str, choices))}."
