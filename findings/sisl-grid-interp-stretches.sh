#!/bin/bash
# sisl 0.20.0: `Grid.interp` moves what a periodic grid holds, by up to one spacing of the old grid.
#
# Input: a grid of 8 points along x, whose point i lies at i/8 of the cell, with 1 + cos 2π(x − 0.75): one maximum, on a
# point; mean 1. It is interpolated to 64 points by the method's defaults and by `order=3, mode="grid-wrap"`.
# Expected: the maximum stays at 0.75 of the cell, point 48 of 64, and the mean, hence the number of electrons, stays 1.
# Seen: the maximum at point 54, 0.84 of the cell, and a mean of 0.956 and 0.953. The first and the last points of both grids are
# laid on each other, although the last ones lie at 7/8 and 63/64 of the cell.
# Ends with 0 while that is so, with 1 if the behaviour has changed.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q sisl==0.20.0
cd "$folder"
cat > interp.py <<'PYTHON'
import numpy as np
import sisl

crystal = sisl.Geometry([[0.0, 0.0, 0.0]], "Si", lattice=np.diag([4.0, 4.0, 4.0]))
grid = sisl.Grid((8, 8, 8), geometry=crystal)
grid.grid[:] = 1.0 + np.cos(2 * np.pi * (np.arange(8) / 8 - 0.75))[:, None, None]
for options in ({}, {"order": 3, "mode": "grid-wrap"}):
    fine = grid.interp((64, 8, 8), **options)
    print(f"{fine.grid[:, 0, 0].argmax()} {fine.grid.mean():.3f}", end=" ")
PYTHON
found=$(venv/bin/python -W ignore interp.py | xargs)
echo "maximum and mean, of the defaults and of periodic cubic splines: $found (expected: 48 1.000 48 1.000)"
[ "$found" = "54 0.956 54 0.953" ]
