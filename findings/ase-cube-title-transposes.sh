#!/bin/bash
# ASE 3.29.0 transposes the values of a Gaussian cube if its second title line speaks of a loop order, and leaves the cell.
#
# Input: one cube of 2 × 3 × 4 points along x, y, z, with two titles. The titles of a cube are free text; the order of its
# values follows from the header alone: its first line of points and steps is the outermost loop.
# Expected: the same array, (2, 3, 4), of the cell of 2, 3 and 4 steps.
# Seen: with "OUTER LOOP: Z, MIDDLE LOOP: Y, INNER LOOP: X" the array is (4, 3, 2), of the same cell: its axes no longer
# belong to the lattice vectors, and the density lies in the wrong places.
# Ends with 0 while that is so, with 1 if the behaviour has changed.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q ase==3.29.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import io
import sys

import ase
from ase.io.cube import read_cube

CUBE = """density
{title}
 1 0.0 0.0 0.0
 2 1.0 0.0 0.0
 3 0.0 1.0 0.0
 4 0.0 0.0 1.0
 13 0.0 0.0 0.0 0.0
{values}
"""

values = " ".join(str(float(i)) for i in range(24))
titles = ("by hand", "OUTER LOOP: Z, MIDDLE LOOP: Y, INNER LOOP: X")
plain, spoken = (read_cube(io.StringIO(CUBE.format(title=t, values=values))) for t in titles)
print(f"ASE {ase.__version__}; free title: array {plain['data'].shape}")
print("expected of the other title: the same")
print(f"seen: array {spoken['data'].shape}, cell {spoken['atoms'].cell.lengths().round(3).tolist()} Å")
same_cell = (plain["atoms"].cell == spoken["atoms"].cell).all()
sys.exit(0 if plain["data"].shape == (2, 3, 4) and spoken["data"].shape == (4, 3, 2) and same_cell else 1)
PYTHON
