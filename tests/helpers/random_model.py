"""The one place where tests make a model: random weights, parts as they are given."""

import numpy as np
import torch

from rhocast import config, descriptors
from rhocast.descriptors import MultipoleBasis, PseudoAtoms
from rhocast.learning.bayesian_network import DensityNetwork
from rhocast.model import DensityModel, LastLayer, Normalisation
from rhocast.structures import Structure


def random_model(descriptor, species, network, normalisation, seed=1, **parts) -> DensityModel:
    """Return a model with the weights of a seed; ``parts`` are further ones of `DensityModel`."""
    torch.manual_seed(seed)
    n_features = len(normalisation.feature_mean)
    return DensityModel(
        network=DensityNetwork(n_features, network).plain(),
        parameters=network,
        descriptor=descriptor,
        species=species,
        normalisation=normalisation,
        **parts,
    )


def normalised_in(structure: Structure, descriptor, species, spread) -> Normalisation:
    """Return what gives features mean 0 and variance 1 in a structure, and targets a spread."""
    points = np.random.default_rng(2).random((300, 3)) @ structure.cell
    features = descriptors.make(descriptor, species).bind(structure)(points)
    return Normalisation.of(features, np.array([-spread, spread]))


def random_last_layer(network: config.Network) -> LastLayer:
    """Return a posterior of the last layer of 9 directions."""
    return LastLayer(0.1 * np.random.default_rng(4).normal(size=(9, network.width + 1)))


def pseudo_atoms(parameters: config.Baseline, species, radial) -> PseudoAtoms:
    """Return pseudo-atoms of a radial function (r, number of the species), e/Bohr³.

    Multipoles, where the parameters ask for them, are random.
    """
    r = (np.arange(parameters.intervals + 3) - 1) * parameters.cutoff_bohr / parameters.intervals
    tables = np.stack([radial(r, number) for number in range(len(species))])
    tables[:, 0] = tables[:, 2]
    tables[:, -3:] = 0.0
    coefficients = products = None
    if parameters.multipoles is not None:
        basis, random = MultipoleBasis(parameters.multipoles, species), np.random.default_rng(3)
        coefficients = 3e-4 * random.normal(size=basis.shape)
        if basis.products is not None:
            products = 3e-4 * random.normal(size=basis.product_shape)
    return PseudoAtoms(parameters, species, tables, coefficients, products)
