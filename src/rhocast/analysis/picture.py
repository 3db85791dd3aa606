"""Pictures as files: Matplotlib, loaded when one is drawn, without a screen; one style for all."""

import io
from math import floor, log10
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
    layout = ConstrainedLayoutEngine(w_pad=0.07)
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
    for _ in range(LAYOUT_PASSES):
        figure.draw_without_rendering()
    drawn = io.BytesIO()  # Matplotlib hides the error of a full disk behind one of its own
    figure.savefig(drawn, dpi=150, format=format)
    with replacing(picture) as partial:
        partial.write_bytes(drawn.getvalue())


def add_colour_bar(axes: "Axes", values: "ScalarMappable", **style: Any) -> None:
    """Draw the colour scale beside axes; a power of ten stands apart, so that numbers are short."""
    from matplotlib.ticker import ScalarFormatter

    formatter = ScalarFormatter()
    formatter.set_powerlimits(POWERS)
    axes.figure.colorbar(values, ax=axes, format=formatter, **style)


def add_scale_bar(axes: "Axes") -> None:
    """Draw a bar of a round length, Bohr, of about a quarter of the width of the axes."""
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    box = axes.viewLim
    length = round_length(0.28 * abs(box.width))
    bar = AnchoredSizeBar(
        axes.transData, length, f"{length:g} Bohr", loc="lower left", borderpad=0.5,
        size_vertical=0.012 * abs(box.height), color="black",
    )  # fmt: skip
    bar.patch.set(alpha=0.7, linewidth=0.0)
    axes.add_artist(bar)


def round_length(at_most: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20 … (or 0.5, 0.2 …) that is not above a length."""
    decade = 10.0 ** floor(log10(at_most))
    return max(step * decade for step in (1.0, 2.0, 5.0) if step * decade <= at_most * (1 + 1e-9))
