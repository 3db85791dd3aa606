"""NumPy's array (``.npy``): one field, (nx, ny, nz), float32, e/Bohr³, without cell and atoms."""

from pathlib import Path
from typing import IO

import numpy as np

from rhocast.density.density import Density


def write(path: Path, density: Density, field: str) -> None:
    """Write a field, streamed."""
    with path.open("wb") as file:
        write_field(file, density, field)


def write_field(file: IO[bytes], density: Density, field: str) -> None:
    """Write a field as `numpy.save` would, streamed."""
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": density.mesh.shape}
    )
    for layers in density.layers(field):
        file.write(layers.astype("<f4").tobytes())
