"""`make bench` leaves no measurement out."""

from pathlib import Path

from benchmarks.__main__ import MEASUREMENTS

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
_OF_ANOTHER = {"load"}  # sends the requests that `serving` measures


def test_every_measurement_is_made():
    files = {path.stem for path in BENCHMARKS.glob("*.py") if "\ndef main(" in path.read_text()}
    folders = {path.parent.name for path in BENCHMARKS.glob("*/__main__.py")}

    assert set(MEASUREMENTS) == (files | folders) - _OF_ANOTHER - {"__main__"}
