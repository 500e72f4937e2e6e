"""A policy as people send it: its own settings, and under `gate` what the gate asks of a challenger."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from apps.core.errors import InvalidInput, Problem
from apps.retraining.gate.margins import Margins
from apps.retraining.triggers import Policy

Read = TypeVar("Read")


def read_policy(settings: Mapping[str, Any]) -> tuple[Policy, Margins]:
    """Read both, defaults filled in; raise `InvalidInput` that names each bad setting of either."""
    own = {name: value for name, value in settings.items() if name != "gate"}
    faults: list[InvalidInput] = []
    policy = _read(lambda: Policy.from_json(own), faults)
    margins = _read(lambda: _margins(settings.get("gate")), faults, below="/gate")
    if policy is None or margins is None:
        raise InvalidInput(faults[0].detail, [problem for fault in faults for problem in fault.problems])
    return policy, margins


def _read(read: Callable[[], Read], faults: list[InvalidInput], *, below: str = "") -> Read | None:
    try:
        return read()
    except InvalidInput as error:
        problems = [replace(one, pointer=f"{below}{one.pointer}") for one in error.problems]
        faults.append(InvalidInput(error.detail, problems))
        return None


def _margins(given: Any) -> Margins:
    if given is None:
        return Margins()
    if not isinstance(given, dict):
        words = 'Send the gate\'s margins as an object, such as {"gain": 0.02}.'
        raise InvalidInput(words, [Problem("", "not_an_object", words)])
    return Margins.from_json(given)
