"""The field of a form that asks for a search for better settings: how long it may take, if there is to be one."""

from django.http import QueryDict

from apps.algorithms.choice import Choice
from apps.dashboard.figures import duration

_TIMES = {60: "1\u00a0min", 300: "5\u00a0min", 900: "15\u00a0min", 3_600: "1\u00a0h"}  # by their seconds
_USUAL = "60"
_LONGEST = 7  # digits


class SearchField:
    """The time that a search is given, in seconds as a form sends them: "" for no search."""

    name = "search"

    def __init__(self, given: QueryDict, choice: Choice | None) -> None:
        self.is_wanted_always = choice is not None and choice.is_automatic
        self.seconds = given.get(self.name, _USUAL if self.is_wanted_always else "").strip()

    @property
    def limits(self) -> dict[str, str] | None:
        """What the API is asked for; None without a search."""
        return {"seconds": self.seconds} if self.seconds else None

    @property
    def options(self) -> list[tuple[str, str]]:
        """The times to choose from, that which was chosen over the API among them."""
        return times(self.seconds)


def times(chosen: str = "") -> list[tuple[str, str]]:
    """Return times that a search may be given: each in seconds and as it is written."""
    known = dict(_TIMES)
    if chosen.isdecimal() and len(chosen) <= _LONGEST:
        known.setdefault(int(chosen), duration(int(chosen)))
    return [(str(seconds), known[seconds]) for seconds in sorted(known)]


def kind_of(choice: Choice) -> str:
    """Say whether a training by this choice searches: "always", "never", or as one likes, "maybe"."""
    if choice.is_automatic:
        return "always"
    return "maybe" if choice.is_searchable else "never"


def written(seconds: float) -> str:
    """Write the time that a search is given."""
    return _TIMES.get(int(seconds), "") or duration(seconds)
