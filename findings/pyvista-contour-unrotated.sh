#!/bin/bash
# PyVista 0.49.1 (VTK 9.7.2) draws the isosurface of a rotated ImageData where the data would lie without the rotation.
#
# Input: an ImageData of 21 × 25 × 29 points with a direction matrix that permutes the axes (a proper rotation), and at each
# point the distance from the middle. This is how a density on a cell that does not lie along x, y and z is held.
# Expected: the isosurface of 1.0 is a sphere of radius 1 about the middle of the points, as without a direction matrix.
# Seen: `contour([1.0])`, whose default method is "contour", places the sphere about another point: it ignores the matrix.
# The methods "flying_edges" and "marching_cubes" of the same call, and `slice`, honour it. No warning is given.
# Ends with 0 while that is so, with 1 if the behaviour has changed.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pyvista==0.49.1 vtk==9.7.2
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys

import numpy as np
import pyvista

ROTATIONS = {"none": np.eye(3), "cyclic": np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])}


def farthest(rotation: np.ndarray, method: str) -> float:
    """Return how far points of the isosurface lie from the sphere at most."""
    grid = pyvista.ImageData(dimensions=(21, 25, 29), spacing=(0.2, 0.2, 0.2))
    grid.direction_matrix = rotation
    middle = grid.points.mean(axis=0)
    grid["distance"] = np.linalg.norm(grid.points - middle, axis=1)
    surface = grid.contour([1.0], scalars="distance", method=method)
    return float(abs(np.linalg.norm(surface.points - middle, axis=1) - 1.0).max())


print(f"PyVista {pyvista.__version__}; distance of the isosurface from the sphere of radius 1, at most")
seen = {}
for name, rotation in ROTATIONS.items():
    for method in ("contour", "flying_edges", "marching_cubes"):
        seen[name, method] = farthest(rotation, method)
        print(f"rotation {name}, method {method}: {seen[name, method]:.3f}")
wrong = {case for case, distance in seen.items() if distance > 0.02}
sys.exit(0 if wrong == {("cyclic", "contour")} else 1)
PYTHON
