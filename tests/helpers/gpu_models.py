"""Models with random weights for GPUs, cells to try them on, and what they should answer."""

import numpy as np
import torch

from rhocast import config, descriptors
from rhocast.descriptors import MultipoleBasis, PseudoAtoms
from rhocast.grid import Mesh
from rhocast.learning.network import DensityNetwork
from rhocast.model import DensityModel, LastLayer, Normalisation
from rhocast.structures import Structure, periodic_images

ORTHOGONAL = np.diag([11.0, 9.0, 10.0])
TRICLINIC = np.array([[9.0, 0.4, 0.1], [2.2, 8.0, -0.6], [0.7, -2.1, 10.0]])
CELLS = {"orthogonal": ORTHOGONAL, "triclinic": TRICLINIC, "left-handed": TRICLINIC[[1, 0, 2]]}

FIELDS = ("density", "epistemic_std", "aleatoric_std")

#: Spread of what the network predicts, e/Bohr³.
SCALE = 3e-3

DESCRIPTOR = config.SmoothDescriptor(
    kind="smooth", cutoff_bohr=7.0, radial_functions=4, shortest_bohr=4.0, angular=4
)
MULTIPOLES = config.Multipoles(cutoff_bohr=6.0, radial_functions=3, shortest_bohr=3.5, angular=3)


def make_model(
    species=("Si", "Ge"), baseline=True, multipoles=True, width=16, layers=2
) -> DensityModel:
    """Return a model whose features have mean 0 and variance 1 in a random cell."""
    torch.manual_seed(1)
    made = descriptors.make(DESCRIPTOR, species)
    structure = crystal(ORTHOGONAL, species)
    points = np.random.default_rng(2).random((300, 3)) @ structure.cell
    network = config.Network(width=width, blocks=2, layers_per_block=layers)
    return DensityModel(
        network=DensityNetwork(made.n_features, network).plain(),
        parameters=network,
        descriptor=DESCRIPTOR,
        species=species,
        normalisation=Normalisation.of(made.bind(structure)(points), np.array([-SCALE, SCALE])),
        baseline=_pseudo_atoms(species, multipoles) if baseline else None,
        last_layer=LastLayer(0.1 * torch.randn(9, network.width + 1).numpy()),
    )


def _pseudo_atoms(species, multipoles) -> PseudoAtoms:
    functions = MULTIPOLES
    if len(species) > 1:  # what is induced depends on the density, too
        functions = MULTIPOLES.model_copy(update={"atoms_per_bohr3": 0.01})
    parameters = config.Baseline(cutoff_bohr=8.0, multipoles=functions if multipoles else None)
    r = (np.arange(parameters.intervals + 3) - 1) * 8.0 / parameters.intervals
    tables = 0.05 * np.stack([np.exp(-((r / (2.5 + s)) ** 2)) for s in range(len(species))])
    tables[:, 0] = tables[:, 2]
    tables[:, -3:] = 0.0
    shape = MultipoleBasis(functions, species).shape
    coefficients = SCALE * np.random.default_rng(4).normal(size=shape)
    return PseudoAtoms(parameters, species, tables, coefficients if multipoles else None)


def crystal(cell, species=("Si", "Ge"), n_atoms=8) -> Structure:
    """Atoms anywhere, also outside the cell, of the species by turns."""
    places = 2.0 * np.random.default_rng(0).random((n_atoms, 3)) - 0.5
    numbers = {"Si": 14, "Ge": 32}
    return Structure(places @ cell, cell, np.resize([numbers[s] for s in species], n_atoms))


def images(structure: Structure, reach_bohr=14.0):
    """Positions and numbers of all atoms and images around a cell."""
    positions, indices = periodic_images(structure, reach_bohr)
    return positions, structure.numbers[indices]


def expected(model: DensityModel, structure: Structure, mesh: Mesh, box) -> np.ndarray:
    """Return the fields by the libraries, in the order of `FIELDS`."""
    found = model.bind(structure)(mesh.offsets(box), fast=True)
    rows = np.stack([found.mean, found.epistemic_std, found.aleatoric_std])
    return rows.reshape(3, *(side.stop - side.start for side in box))
