"""Structures: reading, building and checking atoms in periodic cells."""

from rhocast.structures.build import build_system
from rhocast.structures.structure import Structure, periodic_images
from rhocast.structures.structure_file import read_structure, read_structures, write_structure
from rhocast.structures.thermal import displace

__all__ = [
    "Structure",
    "build_system",
    "displace",
    "periodic_images",
    "read_structure",
    "read_structures",
    "write_structure",
]
