"""What benchmarks are made on: a model, and a thermal crystal of its elements."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers, reference_states

from rhocast import config, descriptors
from rhocast.descriptors import MultipoleBasis, PseudoAtoms
from rhocast.errors import ModelError
from rhocast.grid import Mesh
from rhocast.inference import evaluation_spacing
from rhocast.model import DensityModel, LastLayer, Layer, Network, Normalisation
from rhocast.model.shipped import model_path
from rhocast.structures import Structure, build_system
from rhocast.units import ANGSTROM_PER_BOHR

#: Shipped model that is taken where none is named.
SHIPPED = "al"

#: Atoms are displaced as in a harmonic crystal at this temperature, K.
TEMPERATURE_K = 500.0

#: Sets the size of the displacements; of the order of what the elements have, K.
DEBYE_TEMPERATURE_K = 400.0

_ATOMS_PER_CUBE = {"fcc": 4, "bcc": 2, "diamond": 8}


@dataclass(frozen=True)
class Subject:
    """What is timed.

    Attributes
    ----------
    model
        The model.
    label
        What reports call it.
    """

    model: DensityModel
    label: str

    @classmethod
    def load(cls, name: str | Path | None = None) -> "Subject":
        """Read a model file or a shipped model.

        Without a name it is the shipped model of aluminium, or where the program comes without it
        one of the same shape, with random weights.
        """
        if name is not None:
            return cls(DensityModel.load(name), str(name))
        try:
            path = model_path(SHIPPED)
        except ModelError:
            return cls(random_model(), "random weights")
        return cls(DensityModel.load(path), SHIPPED)

    def crystal(self, n_atoms: int) -> Structure:
        """Build a cube of about so many atoms, displaced as at a temperature, no two alike.

        The lattice is that of the model's first element; further elements occupy the sites at
        random, in equal shares.
        """
        species = self.model.species
        references: list[Any] = [reference_states[atomic_numbers[symbol]] for symbol in species]
        lattice = references[0]["symmetry"] if references[0] else None
        if lattice not in _ATOMS_PER_CUBE:
            raise ModelError(
                f"{self.label}: a model of {', '.join(species)}; benchmarks build crystals of "
                f"{', '.join(_ATOMS_PER_CUBE)} only"
            )
        constants = [reference["a"] for reference in references if reference and "a" in reference]
        cubes = max(1, round((n_atoms / _ATOMS_PER_CUBE[lattice]) ** (1.0 / 3.0)))
        system = {
            "lattice": lattice,
            "lattice_constant_bohr": np.mean(constants) / ANGSTROM_PER_BOHR,
            "repeat": (cubes, cubes, cubes),
            "composition": {symbol: 1.0 / len(species) for symbol in species},
            "temperature_K": TEMPERATURE_K,
        }
        return build_system(config.System.model_validate(system), DEBYE_TEMPERATURE_K, seed=0)

    def mesh(self, structure: Structure) -> Mesh:
        """Return the mesh that predictions of the structure are evaluated on by default."""
        return Mesh.with_spacing(structure.cell, evaluation_spacing(self.model))


def random_model(
    descriptor: config.Descriptor | None = None,
    network: config.Network | None = None,
    baseline: config.Baseline | None = None,
) -> DensityModel:
    """Return a model of aluminium, by default of a usual shape; what it predicts means nothing."""
    descriptor = descriptor or config.parse_descriptor(
        {"kind": "smooth", "cutoff_bohr": 9.0, "radial_functions": 8, "shortest_bohr": 3.0}
    )
    network = network or config.Network.model_validate({"width": 128, "blocks": 1})
    baseline = baseline or config.Baseline.model_validate({})
    made = descriptors.make(descriptor, ("Al",))
    rng = np.random.default_rng(0)
    atoms = Structure(15.3 * rng.random((32, 3)), 15.3 * np.eye(3), np.full(32, 13))
    points = rng.random((500, 3)) @ atoms.cell
    step = baseline.cutoff_bohr / baseline.intervals
    table = 0.05 * np.exp(-((step * (np.arange(baseline.intervals + 3)[None] - 1)) ** 2) / 9.0)
    poles = products = None
    if baseline.multipoles is not None:
        basis = MultipoleBasis(baseline.multipoles, ("Al",))
        poles = 1e-5 * rng.normal(size=basis.shape)
        if basis.products is not None:
            products = 1e-5 * rng.normal(size=basis.product_shape)
    factor = np.tril(rng.normal(size=(network.width + 1, network.width + 1))) / network.width
    return DensityModel(
        network=_random_network(made.n_features, network, rng),
        parameters=network,
        descriptor=descriptor,
        species=("Al",),
        normalisation=Normalisation.of(made.bind(atoms)(points), np.array([0.0, 0.002])),
        baseline=PseudoAtoms(baseline, ("Al",), table, poles, products),
        last_layer=LastLayer(factor.astype(np.float32)),
        metadata={"valence": {"Al": 3.0}},
    )


def _random_network(n_features: int, shape: config.Network, rng: np.random.Generator) -> Network:
    inner = shape.blocks * shape.layers_per_block
    widths = [n_features, *[shape.width] * (inner + 1), 2]
    layers = []
    for n_in, n_out in pairwise(widths):
        weight = (rng.normal(size=(n_out, n_in)) / np.sqrt(n_in)).astype(np.float32)
        bias = np.zeros(n_out, dtype=np.float32)
        layers.append(Layer(weight, np.full_like(weight, -5.0), bias, np.full_like(bias, -5.0)))
    return Network(tuple(layers), shape.layers_per_block)
