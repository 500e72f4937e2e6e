"""The compiled tree kernel: built once with the machine's C compiler, absent where there is none (numpy serves then)."""

import ctypes
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

logger = logging.getLogger(__name__)
SOURCE = Path(__file__).with_name("trees.c")
SWITCH = "MLPLATFORM_KERNEL"
FOLDER = "MLPLATFORM_KERNEL_DIR"
_FLAGS = ["-O3", "-shared", "-fPIC", "-std=c99"]


def kernel() -> ctypes.CDLL | None:
    """Return the loaded kernel, or None when switched off or not to be had; the reason is logged once."""
    return None if os.environ.get(SWITCH) == "off" else _kernel()


@lru_cache(maxsize=1)
def _kernel() -> ctypes.CDLL | None:
    try:
        library = _library()
        return _declared(ctypes.CDLL(str(library))) if library else None
    except (OSError, subprocess.CalledProcessError) as error:
        logger.warning("The tree kernel could not be built, numpy serves instead: %s", error)
        return None


def _library() -> Path | None:
    """Return the compiled kernel of this very source, built if need be."""
    digest = hashlib.sha256(SOURCE.read_bytes() + " ".join(_FLAGS).encode()).hexdigest()[:16]
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mlplatform"
    folder = Path(os.environ.get(FOLDER, default))
    library = folder / f"trees-{digest}.so"
    if library.exists():
        return library
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        logger.info("No C compiler: trees are walked with numpy.")
        return None
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        fresh = Path(beside) / library.name
        subprocess.run([compiler, *_FLAGS, "-o", str(fresh), str(SOURCE)], check=True, capture_output=True)
        fresh.replace(library)
    return library


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, whole, long = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    library.trees_sum.restype = whole
    library.trees_sum.argtypes = [
        pointer, pointer, pointer, whole, pointer, whole, pointer, long, whole, pointer, whole,
    ]  # fmt: skip
    library.trees_shap.restype = whole
    library.trees_shap.argtypes = [
        pointer, pointer, pointer, whole, pointer, whole, pointer, whole, pointer, whole, pointer,
    ]  # fmt: skip
    return library
