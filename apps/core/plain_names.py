"""Names stand in lists, logs and files: on one line, in the order in which they were written, and to be seen."""

import unicodedata

_LARGELY_HARMLESS = "\u200c\u200d\u200e\u200f"  # joiners and direction marks, which some scripts need within words
_BLANK = "\u2800\u3164\u115f\u1160\uffa0"  # letters by their category, and nothing to be seen


def is_plain(name: str) -> bool:
    """Say whether a name holds something to be seen, and nothing that breaks its line or turns its direction."""
    return any(_is_seen(letter) for letter in name) and not any(_is_foreign(letter) for letter in name)


def made_plain(name: str) -> str:
    """Return a name with spaces in place of what does not belong into one; "" when nothing is left."""
    spaced = "".join(" " if _is_foreign(letter) else letter for letter in name).strip()
    return spaced if is_plain(spaced) else ""


def _is_foreign(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and letter not in _LARGELY_HARMLESS


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter)[0] not in "CZM" and letter not in _BLANK
