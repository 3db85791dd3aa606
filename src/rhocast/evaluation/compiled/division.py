"""Values at mesh points divided among the atoms by the compiled kernels."""

import numpy as np

from rhocast.descriptors import PseudoAtoms
from rhocast.descriptors.tiles import kinds_of
from rhocast.evaluation.arrays import splines_of
from rhocast.evaluation.compiled.evaluator import MAX_SPECIES
from rhocast.evaluation.compiled.instructions import available, isa, native
from rhocast.grid import Mesh, Neighbourhood


def divides(pseudo_atoms: PseudoAtoms) -> bool:
    """Tell whether there are compiled kernels that divide by such pseudo-atoms."""
    return available() and len(pseudo_atoms.species) <= MAX_SPECIES


def divide(
    values: np.ndarray,
    atoms: Neighbourhood,
    mesh: Mesh,
    pseudo_atoms: PseudoAtoms,
    reach_bohr: float,
    name: str | None = None,
) -> np.ndarray:
    """Divide what lies at each point among the atoms, in the ratio of their free densities there.

    method.md, Eq. 40 and 41. `rhocast.density.spheres.Spheres.divide` is the same in NumPy.

    Parameters
    ----------
    values : (k, bx, by, bz) array
        Of a box of the mesh.
    atoms
        Around the box.
    mesh
        The mesh.
    pseudo_atoms
        Free densities of the elements, without their multipoles and zero where they are negative.
    reach_bohr
        Distance beyond which no free density is positive, Bohr.
    name
        The instruction set, as in `rhocast.evaluation.compiled.isa`.

    Returns
    -------
    (k, n) float64 array
        Sums over the points, for each of the atoms. Points without any density are left out.

    Raises
    ------
    ConfigError
        If there are no such kernels.
    """
    structure, species = atoms.structure, pseudo_atoms.species
    kinds = kinds_of(structure.numbers, species)
    bound = native().Atoms(
        np.ascontiguousarray(structure.positions - atoms.corner), kinds, n_species=len(species)
    )
    step_bohr = pseudo_atoms.parameters.cutoff_bohr / pseudo_atoms.parameters.intervals
    intervals = min(int(np.ceil(reach_bohr / step_bohr)), pseudo_atoms.parameters.intervals)
    sums = np.zeros((len(values), len(structure)))
    native().divide(
        isa(name),
        bound,
        splines=np.ascontiguousarray(splines_of(pseudo_atoms)[:, :intervals]),
        reach=intervals * step_bohr,
        steps=np.ascontiguousarray(mesh.cell / np.array(mesh.shape)[:, None]),
        values=np.ascontiguousarray(values, dtype=np.float32),
        sums=sums,
    )
    return sums
