"""The page: data, programs and style in one HTML file."""

import base64
import gzip
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors

from rhocast import __version__
from rhocast.density import Density
from rhocast.density.difference import on_mesh
from rhocast.density.quantity import MINUS, PART, is_part
from rhocast.extras import needed_for
from rhocast.files import replacing
from rhocast.units import ANGSTROM_PER_BOHR
from rhocast.view.excerpts import (
    Excerpt,
    as_difference,
    box_around,
    most_uncertain,
    whole_cell,
    with_difference,
)

#: Bits of a value's mantissa that the page keeps: a relative error of at most 2⁻¹⁴.
_MANTISSA_BITS = 13

#: What the page calls the fields.
_TITLES = {
    "density": "density ρ",
    "epistemic_std": "epistemic σ",
    "aleatoric_std": "aleatoric σ",
    "difference": "difference Δρ to the other density",
}

#: Places unlike the training data that the page names.
_PLACES = 4

_SCRIPTS = ("volume.js", "planes.js", "isosurface.js", "viewer.js")


def write_page(
    path: str | Path,
    density: Density,
    title: str,
    *,
    max_points: int = 1_000_000,
    max_atoms: int = 50_000,
    uncertain_places: int = 3,
    box_side: int = 48,
    against: Density | None = None,
) -> None:
    """Write a page that shows a density in any browser, without a network.

    Parameters
    ----------
    path
        The HTML file to write.
    density
        A density in memory, or an open density-field file of any size.
    title
        Title of the page, usually the name of the density's file.
    max_points
        Maximum number of points of the whole cell on the page; a larger mesh is shown as means
        over blocks.
    max_atoms
        Maximum number of atoms of the whole cell on the page.
    uncertain_places
        Number of boxes, with the values as stored, around the points of largest σ. A cell that is
        shown as stored gets none.
    box_side
        Edge of such a box, points.
    against
        Another density of the same cell: the page shows the difference to it, too. On another mesh
        it is resampled to that of ``density``, in memory.

    Raises
    ------
    StructureError
        If ``against`` has another cell.
    MissingExtraError
        If plotly is not installed.
    """
    html = page_of(density, title, max_points, max_atoms, uncertain_places, box_side, against)
    with replacing(path) as partial:
        partial.write_text(html, encoding="utf-8")


def page_of(
    density: Density,
    title: str,
    max_points: int = 1_000_000,
    max_atoms: int = 50_000,
    uncertain_places: int = 3,
    box_side: int = 48,
    against: Density | None = None,
) -> str:
    """Return the page that `write_page` writes."""
    large = density.mesh.n_points > max_points
    places = most_uncertain(density, uncertain_places, box_side) if large else []

    def excerpts_of(one: Density) -> list[Excerpt]:
        boxes = [
            box_around(one, place, box_side, f"uncertain place {number} (as stored)")
            for number, place in enumerate(places, 1)
        ]
        return [whole_cell(one, max_points, max_atoms), *boxes]

    excerpts = excerpts_of(density)
    if against is not None:
        against.check_cell(density.structure)
        others = excerpts_of(on_mesh(against, density.mesh.shape))
        excerpts = [with_difference(*pair) for pair in zip(excerpts, others, strict=True)]
    minus = against.origin if against is not None else density.record.get(MINUS)
    if against is None and minus is not None:
        excerpts = [as_difference(excerpt) for excerpt in excerpts]
    data = {
        "title": title,
        "titles": _TITLES,
        "parts": [_described(excerpt) for excerpt in excerpts],
        "elements": _elements(density.structure.numbers),
        "angstrom_per_bohr": ANGSTROM_PER_BOHR,
        "facts": _facts(density) + ([("difference to", minus)] if minus is not None else []),
    }
    return _html(title, data)


def _html(title: str, data: dict[str, Any]) -> str:
    files = resources.files("rhocast.view")
    page = files.joinpath("page.html").read_text(encoding="utf-8")
    scripts = "\n".join(files.joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS)
    inserted = {
        "TITLE": _text(title),
        "STYLE": files.joinpath("page.css").read_text(encoding="utf-8"),
        "DATA": json.dumps(data).replace("<", "\\u003c"),
        "SCRIPTS": scripts,
        "PLOTLY": _plotly(),
    }
    return re.sub("%([A-Z]+)%", lambda found: inserted[found[1]], page)


def _plotly() -> str:
    with needed_for("a page to view"):
        from plotly.offline import get_plotlyjs
    return get_plotlyjs()


def _described(excerpt: Excerpt) -> dict[str, Any]:
    return {
        "name": excerpt.name,
        "origin": excerpt.origin.tolist(),
        "cell": excerpt.cell.tolist(),
        "periodic": excerpt.periodic,
        "shape": next(iter(excerpt.values.values())).shape,
        "fields": {name: _packed(_rounded(values)) for name, values in excerpt.values.items()},
        "positions": _packed(excerpt.positions),
        "numbers": excerpt.numbers.tolist(),
    }


def _rounded(values: np.ndarray) -> np.ndarray:
    """Round float32 values to fewer bits, which compress better."""
    dropped = 23 - _MANTISSA_BITS
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    half = np.uint32(1 << (dropped - 1))
    return ((bits + half) & np.uint32(0xFFFFFFFF << dropped & 0xFFFFFFFF)).view(np.float32)


def _packed(values: np.ndarray) -> str:
    """Pack an array as little-endian float32, gzip, base64."""
    data = np.ascontiguousarray(values, dtype="<f4").tobytes()
    return base64.b64encode(gzip.compress(data, compresslevel=4, mtime=0)).decode("ascii")


def _elements(numbers: np.ndarray) -> dict[int, dict[str, Any]]:
    return {
        int(number): {
            "symbol": chemical_symbols[number],
            "radius": float(covalent_radii[number] / ANGSTROM_PER_BOHR),
            "colour": "rgb({},{},{})".format(*(int(255 * c) for c in jmol_colors[number])),
        }
        for number in np.unique(numbers)
    }


def _facts(density: Density) -> list[tuple[str, str]]:
    """Return what the page says of the density, as pairs of a name and a text."""
    mesh, record = density.mesh, density.record
    facts = [
        ("atoms", f"{density.structure.formula} ({len(density.structure):,})"),
        ("mesh", "{} × {} × {} points".format(*mesh.shape)),
        ("spacing", " × ".join(f"{s:.3f}" for s in mesh.spacing) + " Bohr"),
    ]
    if is_part(record):
        corners = (" ".join(f"{x:.4g}" for x in np.asarray(record[name])) for name in PART)
        facts.append(("part of the cell", " to ".join(corners)))
    if "n_electrons" in record:
        facts.append(("valence electrons", f"{record['n_electrons']:,.10g}"))
    if "outside_training_share" in record:
        share = float(record["outside_training_share"])
        facts.append(("points outside the training range", f"{share:.1%}"))
    if record.get("unlike_places_bohr"):
        places = "; ".join(
            "({:.1f}, {:.1f}, {:.1f}) Bohr".format(*place)
            for place in record["unlike_places_bohr"][:_PLACES]
        )
        facts.append(("places unlike the training data", places))
    if "model_hash" in record:
        facts.append(("model", str(record["model_hash"])[:12]))
    facts.append(("written by", f"rhocast {__version__}"))
    return facts


def _text(title: str) -> str:
    return title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
