"""Small models with random weights, and small distorted cells."""

from dataclasses import replace

import numpy as np
from random_model import normalised_in, pseudo_atoms, random_last_layer, random_model

from rhocast import config, descriptors
from rhocast.density import Density
from rhocast.fields import DENSITY_FIELDS
from rhocast.model import Calibration, DensityModel, Normalisation
from rhocast.structures import Structure

DESCRIPTOR = config.SortedDescriptor(
    cutoff_bohr=7.0, distances=6, angle_atoms=2, angle_neighbours=3
)

#: A mesh of uneven sizes: 3 × 2 × 3 blocks.
SHAPE = (35, 17, 33)

NETWORK = config.Network(width=16, blocks=1)


def make_model(species=("Al", "Si"), **metadata) -> DensityModel:
    n_features = descriptors.make(DESCRIPTOR, species).n_features
    normalisation = Normalisation(
        feature_mean=np.full(n_features, 3.0, np.float32),
        feature_std=np.full(n_features, 2.0, np.float32),
        target_mean=np.float32(0.03),
        target_std=np.float32(0.005),
    )
    valence = {"valence": {"Al": 3.0, "Si": 4.0}}
    return random_model(DESCRIPTOR, species, NETWORK, normalisation, metadata=valence | metadata)


def make_smooth_model(multipoles=False, **metadata) -> DensityModel:
    """Return a model that the compiled kernels evaluate, with fast uncertainty."""
    species = ("Al", "Si")
    descriptor = config.SmoothDescriptor(
        kind="smooth", cutoff_bohr=7.0, radial_functions=4, shortest_bohr=4.5, angular=2
    )
    functions = config.Multipoles(cutoff_bohr=7.0, radial_functions=3, shortest_bohr=4.5, angular=3)
    baseline = config.Baseline(
        cutoff_bohr=8.0, intervals=24, multipoles=functions if multipoles else None
    )
    return random_model(
        descriptor,
        species,
        NETWORK,
        normalised_in(make_structure(), descriptor, species, 3e-3),
        baseline=pseudo_atoms(baseline, species, lambda r, _: 0.05 * np.exp(-((r / 2.5) ** 2))),
        last_layer=random_last_layer(NETWORK),
        calibrations={"fast": Calibration(aleatoric=1.3, epistemic=2.5)},
        metadata={"valence": {"Al": 3.0, "Si": 4.0}} | metadata,
    )


def make_structure(cell=None, n_atoms=5, seed=0) -> Structure:
    """Atoms at least 3 Bohr apart in a triclinic cell."""
    cell = np.array([[9.0, 0.0, 0.0], [2.0, 8.0, 0.0], [1.0, -2.0, 10.0]] if cell is None else cell)
    rng = np.random.default_rng(seed)
    positions = np.zeros((0, 3))
    while len(positions) < n_atoms:
        trial = Structure(
            np.vstack([positions, rng.random(3) @ cell]), cell, np.full(len(positions) + 1, 13)
        )
        if trial.minimum_distance() > 3.0:
            positions = trial.positions
    return Structure(positions, cell, np.where(np.arange(n_atoms) % 2, 14, 13))


def as_stored(field: Density, name: str) -> np.ndarray:
    """Return one array with the digits that files keep."""
    dtype = DENSITY_FIELDS[name].dtype
    return getattr(field, name).astype(dtype).astype(np.float32)


def make_negative_model(**options) -> DensityModel:
    """A model that gives negative densities at some points and positive ones at others."""
    model = make_model(**options)
    shifted = replace(model.normalisation, target_mean=np.float32(-2e-3))
    return replace(model, normalisation=shifted)
