import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_drawn_parts_of_the_docs_are_current():
    done = subprocess.run([sys.executable, "docs/draw.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, f"run `python docs/draw.py`: {done.stdout}{done.stderr}"
