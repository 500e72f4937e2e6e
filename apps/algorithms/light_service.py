"""What services with a light form share: their files. A family adds what it reads, how it learns and how it is judged."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from apps.algorithms.base import BaseMLService
from apps.algorithms.predictors.form import LightForm
from apps.algorithms.results import Explanation
from apps.algorithms.schema import TableSchema


class LightService(BaseMLService):
    """A service that answers by its light form, and perhaps by a library's own model too."""

    light_form: ClassVar[type[LightForm]]
    light: LightForm

    @property
    def schema(self) -> TableSchema:
        """The input the fitted model takes."""
        return self.light.schema

    def _remembered(self) -> dict[str, Any]:
        """Return what `_remember` must know, as plain JSON."""
        return {}

    def _remember(self, facts: Mapping[str, Any]) -> None:
        """Take what a fit has found besides its models."""

    def _save_native(self, folder: Path) -> None:
        """Write the library's own model, where there is one."""

    def _load_native(self, folder: Path) -> None:
        """Read the library's own model."""

    def _explain(self, rows: list[dict[str, Any]]) -> list[Explanation]:
        return self.light.explain(rows)

    def _save(self, folder: Path) -> dict[str, Any]:
        light = folder / "light"
        light.mkdir()
        self.light.save(light)
        self._save_native(folder)
        return self._remembered()

    def _load(self, folder: Path, facts: Mapping[str, Any]) -> None:
        light = folder / "light"
        self.light = self.light_form.load(light, json.loads((light / "predictor.json").read_text()))
        self._remember(facts)
        self._load_native(folder)

    def _predictor(self, folder: Path) -> None:
        self.light.save(folder)
