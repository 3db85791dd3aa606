"""How converged the demo's densities are: k-points and cutoff, for one frame of each of its cells.

Run once in the repository's root: python benchmarks/demo_convergence.py
Prints ∫|Δρ|/N_e of the demo's setting against a denser k-mesh and against a higher cutoff.
"""

import sys
import tempfile

import numpy as np

from rhocast import config
from rhocast.engines import (
    Launcher,
    compute_snapshot,
    make_engine,
    resolve_engine,
    resolve_pseudopotentials,
)
from rhocast.structures import build_system


def main() -> None:
    """Print the differences for the small and the larger cell."""
    demo = config.load_config("config.yaml")
    for system in ("sige8a", "sige16"):
        sys.stdout.write(f"{system}\n")
        measure(demo, system)


def measure(demo: config.Config, system: str) -> None:
    """Compute three densities of a cell and print the two differences."""
    settings = demo.systems[system].model_copy(update={"temperature_K": 600.0})
    structure = build_system(settings, demo.material.debye_temperature_K, seed=7)
    pseudopotentials = resolve_pseudopotentials(demo.material.pseudopotentials)
    engine = make_engine(resolve_engine(demo.dft.engine))

    def density(**changes: object) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            snapshot = compute_snapshot(
                engine,
                structure,
                demo.dft.model_copy(update=changes),
                pseudopotentials,
                temperature_K=600.0,
                launcher=Launcher(),
                workdir=folder,
            )
        sys.stdout.write(f"{snapshot.kpoints}: {snapshot.status}\n")
        return snapshot.density

    found = density()
    for name, change in {
        "k-points": {"kpoint_spacing_per_bohr": 0.6 * demo.dft.kpoint_spacing_per_bohr,
                     "kpoint_shift": "gamma"},
        "cutoff": {"cutoff_ha": 1.8 * demo.dft.cutoff_ha},
    }.items():  # fmt: skip
        better = density(**change)
        error = np.abs(found - better).sum() / better.sum()
        sys.stdout.write(f"{name}: {error:.2%} of the electrons misplaced\n")


if __name__ == "__main__":
    main()
