"""Faults that no test can notice, because the platform does the same with them; by hand, each with its reason."""

EQUIVALENT: dict[str, str] = {}
