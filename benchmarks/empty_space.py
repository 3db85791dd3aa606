"""The error of a model in the empty space around a slab, and inside the slab.

    python benchmarks/empty_space.py [--model al] [--snapshot data/al-unseen/al6-slab/300K/0.h5]

Empty is where DFT has less than 1e-3 e/Bohr³, inside is where it has more than 0.015.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from rhocast.density import read_snapshot
from rhocast.inference import PredictionOptions, predict_on_mesh
from rhocast.model import DensityModel

EMPTY, INSIDE = 1e-3, 0.015


def main() -> None:
    """Print a line for each of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="al")
    parser.add_argument(
        "--snapshot", type=Path, default=Path("data/al-unseen/al6-slab/300K/0.h5"), metavar="FILE"
    )
    options = parser.parse_args()
    snapshot = read_snapshot(options.snapshot)
    field = predict_on_mesh(
        DensityModel.load(options.model),
        snapshot.structure,
        snapshot.mesh,
        PredictionOptions(uncertainty="fast"),
    )
    assert field.std is not None
    label, error = snapshot.density, abs(field.density - snapshot.density)
    n_electrons = snapshot.mesh.integral(label)
    for name, chosen in {"empty": label < EMPTY, "inside": label > INSIDE}.items():
        density, std, own = field.density[chosen], field.std[chosen], error[chosen]
        low, middle, high = np.quantile(density, (0.1, 0.5, 0.9))
        within = [f"{np.mean(own <= n * std):.3f}" for n in (1, 2, 3)]
        sys.stdout.write(
            f"{name}: {chosen.mean():.1%} of the points, {own.sum() / error.sum():.1%} of ∫|Δρ|, "
            f"{own.sum() * snapshot.mesh.voxel_volume / n_electrons:.2%} of the electrons; "
            f"predicted {low:.1e}, {middle:.1e}, {high:.1e} e/Bohr³ (10, 50, 90 %); "
            f"largest σ {std.max():.1e}; within 1, 2, 3 σ {', '.join(within)}\n"
        )


if __name__ == "__main__":
    main()
