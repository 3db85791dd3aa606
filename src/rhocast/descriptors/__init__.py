"""Descriptors: features of the atoms around a point, which are the input of the network.

A descriptor is one small interface. `Descriptor.bind` gathers what depends on the atoms alone;
the result is called with points and answers with their features. The baseline that the network
corrects, a sum of pseudo-atoms, has the same interface and answers with a density.
"""

from typing import Protocol

import numpy as np

from rhocast import config
from rhocast.descriptors.multipoles import MultipoleBasis
from rhocast.descriptors.pseudo_atoms import PseudoAtomBasis, PseudoAtoms
from rhocast.descriptors.smooth import SmoothDescriptor
from rhocast.descriptors.sorted import SortedDescriptor
from rhocast.structures import Structure

__all__ = [
    "BoundDescriptor",
    "Descriptor",
    "MultipoleBasis",
    "PseudoAtomBasis",
    "PseudoAtoms",
    "SmoothDescriptor",
    "SortedDescriptor",
    "make",
    "reach_bohr",
]


class BoundDescriptor(Protocol):
    """A descriptor of one structure."""

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Turn points (p, 3), float64, Bohr, into features (p, d), float32."""


class Descriptor(Protocol):
    """Turns atoms into numbers that rotation, translation and the order of atoms leave alone."""

    @property
    def n_features(self) -> int:
        """Length d of the feature vector."""

    @property
    def cutoff_bohr(self) -> float:
        """Distance beyond which atoms do not matter, Bohr."""

    @property
    def reach_bohr(self) -> float:
        """Distance from the points within which `bind` must be given all atoms, Bohr."""

    def bind(
        self,
        structure: Structure,
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
    ) -> BoundDescriptor:
        """Gather what depends on the atoms alone, for points in a box (fractional corners)."""


def make(parameters: config.Descriptor, species: tuple[str, ...]) -> Descriptor:
    """Make the descriptor that the configuration describes."""
    if isinstance(parameters, config.SmoothDescriptor):
        return SmoothDescriptor(parameters, species)
    return SortedDescriptor(parameters, species)


def reach_bohr(
    descriptor: config.Descriptor, baseline: config.Baseline | None, species: tuple[str, ...]
) -> float:
    """Return how far from its points a model of these parts must be given all atoms, Bohr."""
    own = make(descriptor, species).reach_bohr
    return own if baseline is None else max(own, baseline.reach_bohr)
