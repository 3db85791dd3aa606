"""Averages over planes, and what follows for a slab: the potential in the vacuum on both sides."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast.density import Density
from rhocast.files import replacing
from rhocast.grid import Mesh

#: Planes that hold less on average are vacuum, e/Bohr³, and at least so much of them, Bohr.
VACUUM_DENSITY, LEAST_VACUUM_BOHR = 1e-4, 6.0


@dataclass(frozen=True)
class Profile:
    """Averages over the planes that two lattice vectors span.

    Attributes
    ----------
    length_bohr
        Distance between opposite ends of the cell along the normal of the planes.
    density, potential : (n,) float64 arrays
        Means over each plane, e/Bohr³ and Ha; plane i lies at height i/n of the length.
    """

    length_bohr: float
    density: np.ndarray
    potential: np.ndarray

    @classmethod
    def of(cls, density: Density, potential: np.ndarray, axis: int) -> "Profile":
        """Average over the planes that a lattice vector crosses."""
        others = tuple(other for other in range(3) if other != axis)
        planes = [part.mean(axis=others) for part in density.layers("density", axis=axis)]
        return cls(height(density.mesh, axis), np.concatenate(planes), potential.mean(axis=others))

    @property
    def heights_bohr(self) -> np.ndarray:
        """Height of each plane above the first, Bohr; shape (n,)."""
        return np.arange(len(self.density)) * self.length_bohr / len(self.density)

    def macroscopic(self, *periods_bohr: float) -> "Profile":
        """Return running means over one period of the layers, then over another one.

        A. Baldereschi, S. Baroni and R. Resta, Phys. Rev. Lett. 61, 734 (1988).
        """
        waves = np.fft.rfftfreq(len(self.density), 1.0 / len(self.density)) / self.length_bohr
        window = np.prod([np.sinc(waves * period) for period in periods_bohr], axis=0)
        means = (
            np.fft.irfft(np.fft.rfft(values) * window, len(values))
            for values in (self.density, self.potential)
        )
        return Profile(self.length_bohr, *means)

    @property
    def vacuum(self) -> "Vacuum | None":
        """The longest stretch without electrons, None if it is shorter than 6 Bohr."""
        n = len(self.density)
        filled = np.flatnonzero(self.density > VACUUM_DENSITY)
        if not len(filled):
            return None
        gaps = np.diff(filled, append=filled[0] + n)
        first, gap = filled[np.argmax(gaps)] + 1, int(gaps.max()) - 1
        step = self.length_bohr / n
        if gap * step < LEAST_VACUUM_BOHR:
            return None
        middle = np.arange(first + gap // 4, first + gap - gap // 4)
        slope, level = np.polyfit((middle - middle.mean()) * step, self.potential[middle % n], 1)
        return Vacuum(float(level), float(-slope * self.length_bohr))


@dataclass(frozen=True)
class Vacuum:
    """The potential in the vacuum of a periodic slab.

    Attributes
    ----------
    level_ha
        In the middle of the vacuum, Ha.
    step_ha
        How much higher the potential is above the slab, at larger heights, than below it, Ha. In a
        periodic cell a uniform field takes it back over the length of the cell.
    """

    level_ha: float
    step_ha: float

    @property
    def levels_ha(self) -> tuple[float, float]:
        """Of the slab alone: below and above it, Ha."""
        return self.level_ha - 0.5 * self.step_ha, self.level_ha + 0.5 * self.step_ha


def height(mesh: Mesh, axis: int) -> float:
    """Return the distance between the opposite faces that a lattice vector joins, Bohr."""
    return float(1.0 / np.linalg.norm(np.linalg.inv(mesh.cell)[:, axis]))


def write_profile(path: str | Path, profile: Profile, macroscopic: Profile | None) -> None:
    """Write a table (TSV): height in Bohr, density in e/Bohr³, potential in Ha, running means."""
    columns = {
        "height_bohr": profile.heights_bohr,
        "density_e_per_bohr3": profile.density,
        "potential_ha": profile.potential,
    }
    if macroscopic is not None:
        columns |= {
            "macroscopic_density_e_per_bohr3": macroscopic.density,
            "macroscopic_potential_ha": macroscopic.potential,
        }
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([f"{x:.9g}" for x in row] for row in zip(*columns.values(), strict=True))
