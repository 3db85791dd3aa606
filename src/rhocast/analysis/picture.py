"""Pictures as files: Matplotlib, loaded when one is drawn, without a screen; one style for all."""

import io
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhocast.errors import ConfigError
from rhocast.extras import needed_for
from rhocast.files import replacing

#: Formats of pictures.
FORMATS = ("png", "pdf", "svg")

#: Colours of lines that also differ in lightness, so that they are told apart without colour vision
#: and in print: what is predicted, what DFT computed, a band or a third curve, all else.
BLUE, RED, ORANGE, GREY = "#3b6ea5", "#c0392b", "#e8a33d", "0.35"

#: The share of the electrons that a density misplaces, as axes name it.
MISPLACED = r"∫|Δρ|/$N_\mathrm{e}$"

#: The layout is found this often before a figure is written: ticks, and with them the widths of
#: their numbers, change with the sizes of panels.
LAYOUT_PASSES = 2

#: Powers of ten that are written out on an axis; smaller and larger ones stand apart.
POWERS = (-3, 4)

#: Quantities of a field's picture: dataset, title, colour map. The maps rise in lightness alone.
PANELS = (
    ("density", "density", "viridis"),
    ("epistemic_std", "epistemic σ", "magma"),
    ("aleatoric_std", "aleatoric σ", "magma"),
)

#: Colour map of differences, zero in the middle.
DIVERGING = "PuOr"

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure


def new_figure(width_inch: float, height_inch: float) -> "Figure":
    """Return an empty figure whose panels and texts keep clear of each other.

    Raises
    ------
    MissingExtraError
        Without Matplotlib.
    """
    with needed_for("drawing a picture"):
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    layout = ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.07)
    return Figure(figsize=(width_inch, height_inch), layout=layout)


def save_figure(figure: "Figure", picture: str | Path) -> None:
    """Write a figure in the format that its name ends in: png, pdf or svg.

    Raises
    ------
    ConfigError
        If it ends in another one.
    """
    format = Path(picture).suffix.lstrip(".").lower()
    if format not in FORMATS:
        raise ConfigError(f"{picture}: expected a name that ends in .{', .'.join(FORMATS)}")
    drawn = _drawn(figure, format, dpi=150)
    with replacing(picture) as partial:
        partial.write_bytes(drawn)


def _drawn(figure: "Figure", format: str, dpi: int) -> bytes:
    for _ in range(LAYOUT_PASSES):
        figure.draw_without_rendering()
    drawn = io.BytesIO()  # Matplotlib hides the error of a full disk behind one of its own
    figure.savefig(drawn, dpi=dpi, format=format)
    return drawn.getvalue()


@dataclass(frozen=True)
class Picture:
    """A picture that Jupyter shows.

    Attributes
    ----------
    figure
        Matplotlib's figure, whose axes can be changed before it is shown.
    """

    figure: "Figure"

    def __repr__(self) -> str:
        width, height = self.figure.get_size_inches()
        return f"<picture of {width:.3g} × {height:.3g} inches>"

    def _repr_png_(self) -> bytes:
        return _drawn(self.figure, "png", dpi=72)

    def save(self, path: str | Path) -> None:
        """Write it to a file, as `save_figure` does."""
        save_figure(self.figure, path)


def add_colour_bar(axes: "Axes", values: "ScalarMappable", **style: Any) -> None:
    """Draw the colour scale of axes; a power of ten stands apart, so that numbers are short."""
    from matplotlib.ticker import ScalarFormatter

    formatter = ScalarFormatter()
    formatter.set_powerlimits(POWERS)
    axes.figure.colorbar(values, ax=axes, format=formatter, **style)


def add_colour_bar_beside(axes: "Axes", values: "ScalarMappable", aspect: float) -> None:
    """Draw the colour scale to the right of axes, as high as these.

    Parameters
    ----------
    axes
        Where the values are drawn, to scale.
    values
        What is drawn.
    aspect
        Width of the axes over their height.
    """
    width, gap = (inches / panel_size(aspect)[0] for inches in (0.13, 0.1))
    add_colour_bar(axes, values, cax=axes.inset_axes((1.0 + gap, 0.0, width, 1.0)))


def panel_size(aspect: float) -> tuple[float, float]:
    """Return width and height, inches, of a plane that is drawn to scale, by width over height.

    Its area is that of a square of 2.6 inches, unless it is very long.
    """
    width = min(2.6 * sqrt(aspect), 4.8)
    height = min(width / aspect, 5.2)
    return height * aspect, height
