"""How fast fields are interpolated to a finer mesh, on one thread: points per core second.

python benchmarks/refine.py        # 2.5e8 points at 0.25 Bohr, from 0.589 Bohr; 2 GB of disk
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from rhocast.density import Density, refine, write_density
from rhocast.grid import Mesh
from rhocast.structures import Structure

COARSE_BOHR, FINE_BOHR = 0.589, 0.25


def made_up(n: int) -> Density:
    """Return a density of n³ points with standard deviations; what they are costs nothing."""
    rng = np.random.default_rng(0)
    structure = Structure(np.zeros((1, 3)), n * COARSE_BOHR * np.eye(3), np.array([13]))
    density, *stds = rng.uniform(0.5, 1.5, (3, n, n, n)).astype(np.float32)
    return Density(
        structure, 0.03 * density, epistemic_std=1e-3 * stds[0], aleatoric_std=1e-3 * stds[1]
    )


def main() -> None:
    """Print a line for the density alone, and one for all three fields."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=264, help="coarse points along each axis")
    options = parser.parse_args()
    whole = made_up(options.side)
    points = Mesh.with_spacing(whole.cell, FINE_BOHR).n_points
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "coarse.h5"), Path(folder, "fine.h5")
        for name, field in (("density", Density(whole.structure, whole.density)),
                            ("density and both standard deviations", whole)):  # fmt: skip
            write_density(source, field)
            start = time.process_time()
            refine(source, out, FINE_BOHR)
            rate = points / (time.process_time() - start)
            print(f"{name}: {rate / 1e6:.1f} M points per core second")  # noqa: T201


if __name__ == "__main__":
    main()
