"""Structures: reading, building and checking atoms in periodic cells."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rhocast.structures.structure import EmptyPart, Structure, periodic_images
from rhocast.structures.structure_file import read_structure, read_structures, write_structure

if TYPE_CHECKING:
    from rhocast.structures.build import build_system
    from rhocast.structures.thermal import displace

#: What prediction does without, and the modules that hold it: imported when it is asked for.
_LATER = {"build_system": "build", "displace": "thermal"}

__all__ = [
    "EmptyPart",
    "Structure",
    "build_system",
    "displace",
    "periodic_images",
    "read_structure",
    "read_structures",
    "write_structure",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"rhocast.structures.{_LATER[name]}"), name)
