"""Structures as pymatgen and the Materials Project write them: JSON of lattice and sites."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from rhocast.errors import StructureError


def read_pymatgen(path: Path) -> Atoms | None:
    """Read the structure of a JSON file, alone or as ``structure`` of an entry; None if none is it.

    Shares of elements on a site are kept where ASE's reader of CIF keeps them, in
    ``info["occupancy"]``.

    Raises
    ------
    StructureError
        If lattice or sites are not as pymatgen writes them.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise StructureError(f"cannot be read as JSON ({error})") from None
    found = _structure(content)
    if found is None:
        return None
    try:
        sites = found["sites"]
        held = [{s["element"]: float(s["occu"]) for s in site["species"]} for site in sites]
        return Atoms(
            [next(iter(elements)) for elements in held],
            scaled_positions=np.array([site["abc"] for site in sites], dtype=float),
            cell=np.array(found["lattice"]["matrix"], dtype=float),
            pbc=True,
            info={"occupancy": dict(enumerate(held))},
        )
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise StructureError(
            f"lattice and sites are not as pymatgen writes them ({type(error).__name__}: {error})"
        ) from None


def _structure(content: Any) -> dict[str, Any] | None:
    """Find a structure in what was read: itself, of an entry, or of the only entry of a list."""
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if isinstance(content, dict) and "structure" in content:
        content = content["structure"]
    known = isinstance(content, dict) and {"lattice", "sites"} <= content.keys()
    return content if known else None
