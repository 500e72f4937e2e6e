"""The arrays of a predictor as files, one .npy each."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np


def save_arrays(of: object, names: Iterable[str], folder: Path) -> None:
    """Write the arrays that `of` has under these names."""
    for name in names:
        buffer = BytesIO()
        np.save(buffer, getattr(of, name))  # to a file it hides why a write fell short
        (folder / f"{name}.npy").write_bytes(buffer.getbuffer())


def load_arrays(names: Iterable[str], folder: Path) -> dict[str, Any]:
    """Map the arrays read-only: all processes of the machine share one copy."""
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names}


def bytes_of(of: object, names: Iterable[str]) -> int:
    """Return how many bytes the arrays hold."""
    return sum(int(getattr(of, name).nbytes) for name in names)
