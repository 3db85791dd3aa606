"""The bound at zero: predicted densities below it are set to it, and how many is kept."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Bound:
    """What a predicted density was before its negative values were set to zero.

    The fields are attributes of the files. They do not depend on how a field is divided.

    Attributes
    ----------
    evaluated_points
        Points of the mesh that the model was evaluated on, or that was interpolated to.
    points_below_zero
        Those of them with a negative density.
    lowest_before_bound
        Lowest density, e/Bohr³, before it was scaled; infinity of no points.
    """

    evaluated_points: int = 0
    points_below_zero: int = 0
    lowest_before_bound: float = np.inf

    @classmethod
    def put_on(cls, density: np.ndarray) -> "Bound":
        """Set negative densities of an array to zero, which is nearer to any density there is."""
        lowest = float(density.min(initial=np.inf))
        below = density < 0.0 if lowest < 0.0 else None
        if below is None:
            return cls(density.size, 0, lowest)
        density[below] = 0.0
        return cls(density.size, int(np.count_nonzero(below)), lowest)

    @classmethod
    def of_all(cls, parts: Iterable["Bound"]) -> "Bound":
        """Return what holds of all parts of a field together."""
        every = list(parts)
        return cls(
            sum(part.evaluated_points for part in every),
            sum(part.points_below_zero for part in every),
            min((part.lowest_before_bound for part in every), default=np.inf),
        )

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> "Bound | None":
        """Take it from the attributes of a file; None if an earlier version wrote that.

        Of an interpolated file it is that of the points which the file holds.
        """
        names = [f"interpolated_{name}" for name in ("points", *list(asdict(cls()))[1:])]
        if any(record.get(name) is None for name in names):
            names = list(asdict(cls()))
        if any(record.get(name) is None for name in names):
            return None
        points, below, lowest = (record[name] for name in names)
        return cls(int(points), int(below), float(lowest))

    @property
    def attributes(self) -> dict[str, Any]:
        """The fields, for the attributes of files."""
        return asdict(self)

    @property
    def interpolated_attributes(self) -> dict[str, Any]:
        """The same for an interpolated file, beside those of the mesh that was evaluated."""
        return {
            "interpolated_points": self.evaluated_points,
            "interpolated_points_below_zero": self.points_below_zero,
            "interpolated_lowest_before_bound": self.lowest_before_bound,
        }

    def __str__(self) -> str:
        if self.points_below_zero == 0:
            return f"lowest density {self.lowest_before_bound:.2g} e/Bohr³"
        return (
            f"lowest density before the bound at zero {self.lowest_before_bound:.2g} e/Bohr³, at "
            f"{self.points_below_zero:,} of {self.evaluated_points:,} points"
        )
