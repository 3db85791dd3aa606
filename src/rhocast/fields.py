"""The table of every stored array: its name, shape, type and unit.

One table serves the HDF5 attributes, the documentation and the tests. Shapes are written in the
letters below; a letter that stands in several fields of one file means the same number there.

``nx, ny, nz`` mesh points along the three lattice vectors; ``n`` atoms; ``p`` sampled points;
``d`` features; ``b`` coefficients of the baseline.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rhocast.errors import FileFormatError


@dataclass(frozen=True)
class Field:
    """One stored array."""

    name: str
    shape: tuple[str | int, ...]
    dtype: str
    unit: str
    description: str


def _table(*fields: Field) -> dict[str, Field]:
    return {field.name: field for field in fields}


MESH = ("nx", "ny", "nz")

POSITIONS = Field("positions", ("n", 3), "f8", "Bohr", "Cartesian positions of the atoms")
CELL = Field("cell", (3, 3), "f8", "Bohr", "lattice vectors, one a row")
NUMBERS = Field("numbers", ("n",), "i4", "1", "atomic numbers")
DENSITY = Field("density", MESH, "f4", "e/Bohr^3", "electron density, x slowest")

#: Atoms in a cell (``structures/{system}.h5``); files with more in them hold these too.
STRUCTURE_FIELDS = _table(POSITIONS, CELL, NUMBERS)

#: One DFT single point (``densities/{system}/{T}K/{i}.h5``).
SNAPSHOT_FIELDS = _table(
    DENSITY,
    POSITIONS,
    CELL,
    NUMBERS,
    Field("forces", ("n", 3), "f8", "Ha/Bohr", "forces on the atoms"),
)

#: A predicted density (``predictions/{cell}/density.h5``). Standard deviations are stored with 11
#: significant bits: off by at most 0.1 %, or by 1e-7 e/Bohr^3 where they are below 6e-5.
DENSITY_FIELDS = _table(
    DENSITY,
    Field("epistemic_std", MESH, "f2", "e/Bohr^3", "standard deviation from the weights' spread"),
    Field("aleatoric_std", MESH, "f2", "e/Bohr^3", "standard deviation of the predicted noise"),
    POSITIONS,
    CELL,
    NUMBERS,
)

#: Sampled mesh points of a dataset (``features/{dataset}.h5``).
FEATURE_FIELDS = _table(
    Field("features", ("p", "d"), "f4", "1", "descriptor of the point"),
    Field("target", ("p",), "f4", "e/Bohr^3", "density at the point"),
    Field("snapshot", ("p",), "i4", "1", "index into the attribute `records`"),
)

#: What a feature file holds besides where there is a baseline to fit.
BASELINE_FIELDS = _table(
    Field("baseline_sums", ("p", "b"), "f4", "1", "what the baseline's coefficients multiply, S"),
)


def check_shapes(
    arrays: Mapping[str, np.ndarray], table: Mapping[str, Field], where: str
) -> dict[str, int]:
    """Check arrays against a table and return the size that each letter stands for.

    Parameters
    ----------
    arrays
        Arrays by field name; fields that are absent are not checked.
    table
        One of the tables above.
    where
        What the message names as the place of the fault, usually a path.

    Raises
    ------
    FileFormatError
        If a shape disagrees with the table or a letter stands for two sizes.
    """
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        expected = table[name].shape
        found = np.shape(array)
        if len(found) != len(expected):
            raise FileFormatError(
                f"{where}: {name} should have shape {expected}, found {tuple(found)}"
            )
        for letter, size in zip(expected, found, strict=True):
            known = letter if isinstance(letter, int) else sizes.setdefault(letter, size)
            if known != size:
                raise FileFormatError(
                    f"{where}: {name} should have shape {expected} with {letter} = {known}, "
                    f"found {tuple(found)}"
                )
    return sizes
