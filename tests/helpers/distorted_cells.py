"""Cells to try descriptors on: distorted, triclinic, perfect."""

import numpy as np
from ase.build import bulk

from rhocast.structures import Structure

TRICLINIC = np.array([[9.0, 0.4, 0.1], [2.2, 8.0, -0.6], [0.7, -2.1, 10.0]])


def binary(cell=TRICLINIC, atoms=6, seed=0) -> Structure:
    """Silicon and germanium by turns, anywhere."""
    rng = np.random.default_rng(seed)
    return Structure(rng.random((atoms, 3)) @ cell, cell, np.where(np.arange(atoms) % 2, 14, 32))


def perfect(name, **options) -> Structure:
    """A cubic cell of an element's crystal."""
    return Structure.from_ase(bulk(name, cubic=True, **options))


def rotation(seed=5) -> np.ndarray:
    """Draw a proper rotation."""
    orthogonal, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return orthogonal * np.linalg.det(orthogonal)
