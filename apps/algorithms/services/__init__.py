"""One file an algorithm; `catalog` finds them here."""
