"""What has come of a comparison on live requests so far: who answered, whose labels are known, and what was passed on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Side:
    """What one version answered, and how many of its answers are known to be right or wrong."""

    requests: int = 0
    rows: int = 0
    labels: int = 0


@dataclass(frozen=True)
class SoFar:
    """Both sides, and how many requests the challenger left to the champion, by why it did.

    `unread_columns` are those that the challenger reads and the champion does not: who asks the champion need not send them.
    """

    champion: Side = Side()
    challenger: Side = Side()
    passed_on: Mapping[str, int] = field(default_factory=dict)
    unread_columns: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what was stored."""
        champion, challenger = (Side(**stored.get(name, {})) for name in ("champion", "challenger"))
        return cls(champion, challenger, {one["reason"]: one["requests"] for one in stored.get("passed_on", [])})

    @property
    def notes(self) -> list[str]:
        """What keeps the challenger from answering its share."""
        return [*map(of_new_column, self.unread_columns), *(_of_passed_on(why, n) for why, n in self.passed_on.items())]

    def as_json(self) -> dict[str, Any]:
        """Return what is shown and stored."""
        passed_on = [{"reason": why, "requests": requests} for why, requests in self.passed_on.items()]
        return {
            "champion": asdict(self.champion),
            "challenger": asdict(self.challenger),
            "passed_on": passed_on,
            "notes": self.notes,
        }


def of_new_column(name: str) -> str:
    """Say what follows from a column that the challenger reads and the champion does not."""
    return (
        f"The challenger reads the column {name!r}, which the champion does not: requests without it are answered by the "
        "champion now, and refused once the challenger is live."
    )


def _of_passed_on(why: str, requests: int) -> str:
    if requests == 1:
        return f"1 request could not be answered by the challenger, and was by the champion: {why}."
    return f"{requests} requests could not be answered by the challenger, and were by the champion: {why}."
