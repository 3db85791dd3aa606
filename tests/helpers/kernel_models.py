"""Models with random weights for the kernels, cells to try them on, and what they should answer."""

import numpy as np
from random_model import normalised_in, pseudo_atoms, random_last_layer, random_model

from rhocast import config
from rhocast.descriptors import PseudoAtoms
from rhocast.grid import Mesh, Neighbourhood
from rhocast.model import Calibration, DensityModel
from rhocast.structures import Structure, periodic_images

ORTHOGONAL = np.diag([11.0, 9.0, 10.0])
TRICLINIC = np.array([[9.0, 0.4, 0.1], [2.2, 8.0, -0.6], [0.7, -2.1, 10.0]])
CELLS = {"orthogonal": ORTHOGONAL, "triclinic": TRICLINIC, "left-handed": TRICLINIC[[1, 0, 2]]}

FIELDS = ("density", "epistemic_std", "aleatoric_std")

#: Spread of what the network predicts, e/Bohr³.
SCALE = 3e-3

#: Where half of that is left, amid the densities of the pseudo-atoms, e/Bohr³.
FADING = 0.02


def make_model(
    species=("Si", "Ge"),
    radial=5,
    angular=4,
    width=24,
    blocks=2,
    layers=2,
    intervals=24,
    multipoles=None,
    atoms_per_bohr3=None,
    products=None,
) -> DensityModel:
    """Return a model whose features have mean 0 and variance 1 in a random cell.

    ``multipoles`` are (radial functions, l) of those of its pseudo-atoms, which depend on how far
    the density of atoms is from ``atoms_per_bohr3``; ``products`` are (radial functions, l) of the
    sums that are multiplied.
    """
    poles = (multipoles, atoms_per_bohr3, products)
    descriptor = config.SmoothDescriptor(
        kind="smooth", cutoff_bohr=7.0, radial_functions=radial, shortest_bohr=3.0, angular=angular
    )
    structure = binary(ORTHOGONAL) if len(species) == 2 else germanium()
    network = config.Network(width=width, blocks=blocks, layers_per_block=layers)
    return random_model(
        descriptor,
        species,
        network,
        normalised_in(structure, descriptor, species, SCALE),
        baseline=_baseline(species, intervals, *poles) if intervals else None,
        fading_density=FADING if intervals else 0.0,
        last_layer=random_last_layer(network),
        calibrations={"fast": Calibration(aleatoric=1.3, epistemic=2.5)},
    )


def _baseline(species, intervals, multipoles, atoms_per_bohr3, products) -> PseudoAtoms:
    functions = None
    if multipoles:
        radial, angular = multipoles
        functions = config.Multipoles(
            cutoff_bohr=8.0,
            radial_functions=radial,
            shortest_bohr=4.0,
            angular=angular,
            atoms_per_bohr3=atoms_per_bohr3,
            products=products and dict(zip(("radial_functions", "angular"), products, strict=True)),
        )
    parameters = config.Baseline(cutoff_bohr=10.0, intervals=intervals, multipoles=functions)
    return pseudo_atoms(
        parameters, species, lambda r, s: 0.05 * np.cos(r) * np.exp(-((r / (3.0 + s)) ** 2))
    )


def binary(cell, atoms=8, seed=0) -> Structure:
    """Silicon and germanium by turns, anywhere, also outside the cell."""
    rng = np.random.default_rng(seed)
    places = 2.0 * rng.random((atoms, 3)) - 0.5
    return Structure(places @ cell, cell, np.where(np.arange(atoms) % 2, 14, 32))


def germanium(cell=ORTHOGONAL) -> Structure:
    """One element, anywhere."""
    return Structure(binary(cell).positions, cell, np.full(8, 32))


def around(structure: Structure, model: DensityModel, lower=None, upper=None) -> Neighbourhood:
    """Return a part of the cell (fractional corners), all by default, with the atoms around it.

    Mesh indices count from the origin of the cell, whatever the part.
    """
    positions, indices = periodic_images(structure, model.reach_bohr, lower, upper)
    atoms = Structure(positions, 100.0 * structure.cell, structure.numbers[indices])
    end = np.ones(3) if upper is None else np.asarray(upper)
    return Neighbourhood(atoms, np.zeros(3), end / 100.0, indices)


def expected(model: DensityModel, structure: Structure, mesh: Mesh, box) -> np.ndarray:
    """Return the fields as the model itself gives them at points, in the order of `FIELDS`."""
    found = model.bind(structure)(mesh.offsets(box), fast=True)
    rows = np.stack([found.mean, found.epistemic_std, found.aleatoric_std])
    return rows.reshape(3, *(side.stop - side.start for side in box))
