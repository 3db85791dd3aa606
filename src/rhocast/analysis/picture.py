"""Pictures as files: Matplotlib, loaded when one is drawn, without a screen."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from rhocast.errors import ConfigError
from rhocast.extras import needed_for
from rhocast.files import replacing

#: Formats of pictures.
FORMATS = ("png", "pdf", "svg")

if TYPE_CHECKING:
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
    return Figure(figsize=(width_inch, height_inch), layout="constrained")


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
    drawn = io.BytesIO()  # Matplotlib hides the error of a full disk behind one of its own
    figure.savefig(drawn, dpi=150, format=format)
    with replacing(picture) as partial:
        partial.write_bytes(drawn.getvalue())
