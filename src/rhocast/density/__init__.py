"""Densities on a mesh with their atoms: types, files of every format, resampling, refinement."""

from rhocast.density.any_format import open_density, read_density, write_density
from rhocast.density.density import Density
from rhocast.density.formats.snapshot import read_snapshot, write_snapshot
from rhocast.density.refine import refine
from rhocast.density.snapshot import Snapshot

__all__ = [
    "Density",
    "Snapshot",
    "open_density",
    "read_density",
    "read_snapshot",
    "refine",
    "write_density",
    "write_snapshot",
]
