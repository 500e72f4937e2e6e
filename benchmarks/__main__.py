"""Every measurement, one after the other, each in a process of its own: `python -m benchmarks`."""

import subprocess
import sys

MEASUREMENTS = ("serving", "training", "searches", "gate", "drift", "calibration", "quality")


def main() -> None:
    """Measure; stop at the first that fails."""
    for name in MEASUREMENTS:
        print(f"\n## {name}\n", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
