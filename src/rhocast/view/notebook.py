"""The page of a density within a notebook."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from rhocast.density import Density
from rhocast.files import replacing
from rhocast.view.page import page_of


@dataclass(frozen=True)
class Shown:
    """A page in a frame, which Jupyter shows.

    Attributes
    ----------
    page
        The HTML, complete in itself.
    height
        Of the frame, pixels.
    """

    page: str
    height: int

    def __repr__(self) -> str:
        return f"<page of a density, {len(self.page) / 1e6:.1f} MB>"

    def save(self, path: str | Path) -> None:
        """Write the page to an HTML file."""
        with replacing(path) as partial:
            partial.write_text(self.page, encoding="utf-8")

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.page)}" width="100%" height="{self.height}" '
            'style="border: 0"></iframe>'
        )


def show(
    density: Density,
    height: int = 760,
    max_points: int = 300_000,
    against: Density | None = None,
) -> Shown:
    """Show a density in a notebook: slices, isosurface, line cuts with error bars.

    `Density.view` calls it.

    Parameters
    ----------
    density
        In memory, or an open density-field file of any size.
    height
        Of the frame, pixels.
    max_points
        Maximum number of points of the whole cell on the page; a notebook stores what it shows.
    against
        Another density of the same cell: the page shows the difference to it, too.

    Raises
    ------
    StructureError
        If ``against`` has another cell.
    MissingExtraError
        If plotly is not installed.
    """
    return Shown(page_of(density, density.structure.formula, max_points, against=against), height)
