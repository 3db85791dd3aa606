"""Fields of a stored density at the points of another mesh, box by box."""

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import product, repeat

import numpy as np

from rhocast.density.density import Density
from rhocast.density.spline import AxisMap, interpolate_strips
from rhocast.errors import FileFormatError
from rhocast.grid import Mesh

#: Points along each side of the boxes that are interpolated at a time, whole chunks of a file: long
#: in z, so that what is done along x and y serves many points.
BOX = (96, 96, 1536)

#: Points along z of a strip of such a box, and along each axis where weights are made.
STRIP = 96

Box = tuple[slice, slice, slice]

#: Fractional coordinates of a part of the cell: lower and upper end along each axis.
Part = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

WHOLE: Part = ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0))


class Interpolation:
    """Fields of a stored density at the points of another mesh, some at a time.

    Parameters
    ----------
    stored
        The density.
    mesh
        Of the part.
    part
        Of the stored cell.
    scale
        What to multiply all fields by.
    least_share
        The least epistemic standard deviation, as a share of the density.
    bounded
        Whether the density is set to zero where its spline is below.
    """

    def __init__(
        self,
        stored: Density,
        mesh: Mesh,
        part: Part = WHOLE,
        scale: float = 1.0,
        least_share: float = 0.0,
        bounded: bool = False,
    ) -> None:
        self.stored = stored
        self.mesh = mesh
        self._part = part
        self._scale = scale
        self._least_share = least_share
        self._bounded = bounded

    def strips(self, name: str, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """Interpolate a field to a box of `boxes`: parts of the box, and the values there."""
        maps = self._splines if name == "density" else self._lines
        x, y = (axis[side.start // STRIP] for axis, side in zip(maps, box[:2], strict=False))
        along_z = maps[2][box[2].start // STRIP : -(-box[2].stop // STRIP)]
        count = along_z[-1].first + along_z[-1].weights.shape[1] - along_z[0].first
        z = (along_z[0].first + np.arange(count)) % self.stored.mesh.shape[2]
        values = self.stored.read_periodic(name, (x.sources, y.sources, z))
        if not np.isfinite(values).all():
            raise FileFormatError(
                f"{self.stored.source}: {name} holds NaN or infinity; compute or predict it again"
            )
        if name != "density":
            values = np.square(values)
        start = box[2].start
        widened = name == "epistemic_std" and self._least_share > 0.0
        densities = self.strips("density", box) if widened else repeat((box, values))
        strips = interpolate_strips(values, x, y, along_z)
        for strip, (_, density) in zip(strips, densities, strict=False):
            if name != "density":
                np.sqrt(strip, out=strip)
            elif self._bounded:
                np.maximum(strip, 0.0, out=strip)
            if widened:
                np.maximum(strip, self._least_share * np.abs(density), out=strip)
            end = start + strip.shape[2]
            yield (box[0], box[1], slice(start, end)), strip
            start = end

    @cached_property
    def _splines(self) -> list[list[AxisMap]]:
        x, y, z = self._maps(AxisMap.spline)
        return [x, y, [axis.scaled(self._scale) for axis in z]]

    @cached_property
    def _lines(self) -> list[list[AxisMap]]:
        """Of the squares."""
        x, y, z = self._maps(AxisMap.linear)
        return [x, y, [axis.scaled(self._scale**2) for axis in z]]

    def _maps(self, kind: Callable[[np.ndarray, int], AxisMap]) -> list[list[AxisMap]]:
        """For each axis, for one strip after the other."""
        return [
            [kind(places[start : start + STRIP], n) for start in range(0, len(places), STRIP)]
            for places, n in zip(self._places, self.stored.mesh.shape, strict=True)
        ]

    @property
    def _places(self) -> list[np.ndarray]:
        """Where the points of the mesh lie along each axis, in stored spacings."""
        meshes = zip(self._part, self.mesh.shape, self.stored.mesh.shape, strict=True)
        return [(low + np.arange(n) * (high - low) / n) * c for (low, high), n, c in meshes]


def boxes(shape: tuple[int, int, int], sides: tuple[int, int, int] = BOX) -> Iterator[Box]:
    """Divide a mesh."""
    parts = (
        [slice(a, min(a + b, n)) for a in range(0, n, b)] for n, b in zip(shape, sides, strict=True)
    )
    return product(*parts)
