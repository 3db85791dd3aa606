"""CPU time of short calls of the program, against that of another installation.

    python benchmarks/startup.py --against /path/to/older/python

The two take turns, so that a machine that slows down slows both. The least of several times counts.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import ase.build
import ase.io

TURNS = 3

#: Prints the CPU time of a prediction with its standard deviations, the best of some, and how many
#: points it has.
FRAMES = """
import sys, time, ase.build, rhocast
atoms = ase.build.bulk("Al", "fcc", 4.05, cubic=True) * int(sys.argv[1])
atoms.rattle(0.1, seed=0)
model, times = rhocast.load("al"), []
for _ in range(int(sys.argv[2])):
    start = time.process_time()
    field = model.predict(atoms, uncertainty="fast")
    times.append(time.process_time() - start)
print(min(times), field.density.size)
"""


def cpu_seconds(command: list[str]) -> float:
    """Return the CPU time of a process and its children."""
    before = os.times()
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    used = after.children_user + after.children_system
    return used - before.children_user - before.children_system


def measure(python: str, folder: Path) -> dict[str, float]:
    """Measure each figure once; CPU seconds, the last one a ratio."""
    program = str(Path(python).with_name("rhocast"))
    out = folder / "density.h5"
    words = ["predict", "al", str(folder / "al.xyz"), "-o", str(out), "--uncertainty", "fast"]
    small, points = frame(python, repeat=3, times=8)
    large, many = frame(python, repeat=16, times=2)
    return {
        "rhocast --help": cpu_seconds([program, "--help"]),
        "rhocast predict al, 32 atoms": cpu_seconds([program, *words]),
        "predict(atoms), 108 atoms": small,
        "its CPU time per point / of 16,384 atoms": (small / points) / (large / many),
    }


def frame(python: str, repeat: int, times: int) -> tuple[float, int]:
    """Return the CPU time of a prediction, seconds, and its number of points."""
    command = [python, "-c", FRAMES, str(repeat), str(times)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(found[0]), int(found[1])


def main() -> None:
    """Print the table: figure, the other installation's, this one's, their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", required=True, help="python of the other installation")
    other = parser.parse_args().against
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ase.io.write(folder / "al.xyz", ase.build.bulk("Al", "fcc", 4.05, cubic=True) * 2)
        turns = [(measure(other, folder), measure(sys.executable, folder)) for _ in range(TURNS)]
    for figure in turns[0][0]:
        old, new = (min(turn[i][figure] for turn in turns) for i in (0, 1))
        sys.stdout.write(f"{figure:38s} {old:8.3f} {new:8.3f}  {old / new:6.1f} times\n")


if __name__ == "__main__":
    main()
