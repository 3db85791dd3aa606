"""Structures: reading, building and checking atoms in periodic cells."""

from rhocast.structures.build import build_system, displace
from rhocast.structures.structure import (
    Structure,
    periodic_images,
    read_structure,
    write_structure,
)

__all__ = [
    "Structure",
    "build_system",
    "displace",
    "periodic_images",
    "read_structure",
    "write_structure",
]
