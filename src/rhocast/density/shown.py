"""What a notebook shows of a density as a table: formula, cell, mesh, electrons, fields."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from rhocast.density.quantity import MINUS, is_difference
from rhocast.grid import Mesh
from rhocast.structures import Structure

#: What the table calls the fields.
_TITLES = {
    "density": "density",
    "epistemic_std": "epistemic σ",
    "aleatoric_std": "aleatoric σ",
}


def table(rows: list[tuple[str, str]]) -> str:
    """Return names and texts as an HTML table."""
    lines = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{escape(text)}</td></tr>'
        for name, text in rows
    )
    return f"<table>{lines}</table>"


def cell_and_mesh(structure: Structure, mesh: Mesh, kind: str) -> list[tuple[str, str]]:
    """Return the rows that tell formula, cell and mesh; the first is called by the kind."""
    atoms = "1 atom" if len(structure) == 1 else f"{len(structure):,} atoms"
    lengths, angles = _lengths_and_angles(structure.cell)
    return [
        (kind, f"{structure.formula}, {atoms}"),
        ("cell", f"{' × '.join(f'{a:.4g}' for a in lengths)} Bohr, {', '.join(angles)}"),
        (
            "mesh",
            f"{' × '.join(map(str, mesh.shape))} points, "
            f"{', '.join(f'{h:.3g}' for h in mesh.spacing)} Bohr apart",
        ),
    ]


def electrons(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the rows that a record knows: what was subtracted, valence electrons."""
    found = [("minus", str(record[MINUS]))] if is_difference(record) else []
    if "n_electrons" in record:
        found.append(("valence electrons", f"{record['n_electrons']:,.10g}"))
    return found


def ranges(mesh: Mesh, arrays: Mapping[str, np.ndarray]) -> list[tuple[str, str]]:
    """Return the rows that tell the integral of the density and the range of each field."""
    found = [("∫ρ", f"{mesh.integral(arrays['density']):,.8g} electrons")]
    for name, values in arrays.items():
        mean = values.mean(dtype=np.float64)
        told = f"{values.min():.3g} to {values.max():.3g}, mean {mean:.3g} e/Bohr³"
        found.append((_TITLES[name], told))
    return found


def names(fields: tuple[str, ...]) -> str:
    """Return what the fields are called."""
    return ", ".join(_TITLES[name] for name in fields)


def _lengths_and_angles(cell: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return the lengths of the lattice vectors, Bohr, and α, β and γ in words."""
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [cell[i] @ cell[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    degrees = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    return lengths, [f"{name} {a:.4g}°" for name, a in zip("αβγ", degrees, strict=True)]
