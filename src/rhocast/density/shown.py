"""What a notebook shows of a density: a table, a page to look at, a plane.

The page and the plane are drawn by rooms that stand on this one, so they are imported by name, and
only when they are asked for.
"""

from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from rhocast.density.quantity import MINUS, is_difference

if TYPE_CHECKING:
    from rhocast.density.density import Density

#: What the table calls the fields; those of a file have no numbers, which would have to be read.
_TITLES = {
    "density": "density",
    "epistemic_std": "epistemic σ",
    "aleatoric_std": "aleatoric σ",
}


def view(density: "Density", height: int, max_points: int, against: "Density | None") -> Any:
    """Return the page that `rhocast.view.show` makes."""
    return import_module("rhocast.view").show(density, height, max_points, against)


def plane(
    density: "Density", axis: str, at: float, cut: float | None, reference: "Density | None"
) -> Any:
    """Return the picture that `rhocast.analysis.plots.picture_of_slice` makes."""
    plots = import_module("rhocast.analysis.plots")
    return plots.picture_of_slice(density, axis, at, cut, reference)


def table(density: "Density") -> str:
    """Return an HTML table of what `rows` says."""
    lines = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{escape(text)}</td></tr>'
        for name, text in rows(density)
    )
    return f"<table>{lines}</table>"


def rows(density: "Density") -> list[tuple[str, str]]:
    """Return names and texts: formula, cell, mesh, electrons and fields.

    Of a field in memory the integral and the range of each array are told, too; an open file is not
    read for that.
    """
    mesh, record = density.mesh, density.record
    kind = "difference of densities" if is_difference(record) else type(density).__name__
    lengths, angles = _lengths_and_angles(density.cell)
    found = [
        (kind, f"{density.structure.formula}, {_atoms(len(density.structure))}"),
        ("cell", f"{' × '.join(f'{a:.4g}' for a in lengths)} Bohr, {', '.join(angles)}"),
        (
            "mesh",
            f"{' × '.join(map(str, mesh.shape))} points, "
            f"{', '.join(f'{h:.3g}' for h in mesh.spacing)} Bohr apart",
        ),
    ]
    if is_difference(record):
        found.append(("minus", str(record[MINUS])))
    if "n_electrons" in record:
        found.append(("valence electrons", f"{record['n_electrons']:,.10g}"))
    if not isinstance(density.density, np.ndarray):
        names = ", ".join(_TITLES[name] for name in density.fields)
        return [*found, ("fields", names), ("file", density.source)]
    found.append(("∫ρ", f"{density.electron_count:,.8g} electrons"))
    for name in density.fields:
        values = density.read(name)
        found.append(
            (
                _TITLES[name],
                f"{values.min():.3g} to {values.max():.3g}, mean "
                f"{values.mean(dtype=np.float64):.3g} e/Bohr³",
            )
        )
    return found


def _atoms(count: int) -> str:
    return "1 atom" if count == 1 else f"{count:,} atoms"


def _lengths_and_angles(cell: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return the lengths of the lattice vectors, Bohr, and α, β and γ in words."""
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [cell[i] @ cell[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    degrees = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    return lengths, [f"{name} {a:.4g}°" for name, a in zip("αβγ", degrees, strict=True)]
