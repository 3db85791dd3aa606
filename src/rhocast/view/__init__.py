"""One HTML page that shows a density: slices, isosurface, line cuts with error bars."""

from rhocast.view.notebook import Shown, show
from rhocast.view.page import write_page

__all__ = ["Shown", "show", "write_page"]
