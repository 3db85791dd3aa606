"""Densities on a mesh with their atoms: types, files of every format, resampling, refinement."""

from rhocast.density.density_field import DensityField
from rhocast.density.export import export
from rhocast.density.field_file import open_density, read_density, write_density
from rhocast.density.refine import refine
from rhocast.density.snapshot import Snapshot, read_snapshot, write_snapshot

__all__ = [
    "DensityField",
    "Snapshot",
    "export",
    "open_density",
    "read_density",
    "read_snapshot",
    "refine",
    "write_density",
    "write_snapshot",
]
