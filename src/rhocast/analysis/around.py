"""Density and its standard deviations by the distance from a place, such as a defect."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast.analysis.figures import largest_void
from rhocast.analysis.picture import BLUE, GREY, ORANGE, RED, new_figure, save_figure
from rhocast.density import Density
from rhocast.density.difference import on_mesh
from rhocast.density.quantity import check_whole

#: Width of a shell and how far shells reach, Bohr, where the cell is large enough.
SHELL_BOHR, FURTHEST_BOHR = 0.5, 12.0


@dataclass(frozen=True)
class Shells:
    """Mesh points around a place, in shells of equal width; the innermost first, all (s,).

    Attributes
    ----------
    distance_bohr
        Middle of each shell.
    points
        Mesh points in it.
    density, reference
        Means of the density, and of the one it is compared with (or None), e/Bohr³.
    epistemic_std, aleatoric_std, deviation
        Root mean squares of both σ and of the difference from the reference, e/Bohr³; None where
        they are not known.
    """

    distance_bohr: np.ndarray
    points: np.ndarray
    density: np.ndarray
    epistemic_std: np.ndarray | None = None
    aleatoric_std: np.ndarray | None = None
    reference: np.ndarray | None = None
    deviation: np.ndarray | None = None

    @property
    def std(self) -> np.ndarray | None:
        """Root mean square of σ of both kinds together, e/Bohr³."""
        if self.epistemic_std is None or self.aleatoric_std is None:
            return None
        return np.hypot(self.epistemic_std, self.aleatoric_std)


def shells_around(
    density: Density,
    place: np.ndarray | None = None,
    furthest_bohr: float = FURTHEST_BOHR,
    reference: Density | None = None,
) -> Shells:
    """Average a density over shells around a place.

    Parameters
    ----------
    density
        In memory or in a file, of which the box around is read.
    place : (3,) array or None
        Fractional coordinates; by default the middle of the largest void, such as a vacancy.
    furthest_bohr
        Radius of the last shell; half the shortest lattice vector at most, so that no point is
        counted twice.
    reference
        A density of the same cell, such as that of DFT; interpolated to the mesh of the density
        where its own is another.

    Raises
    ------
    StructureError
        If the cells differ.
    FileFormatError
        If the density is of a part of a cell.
    """
    check_whole(density.record, density.source)
    if place is None:
        place = largest_void(density.structure)
    if reference is not None:
        reference.check_cell(density.structure)
        reference = on_mesh(reference, density.mesh.shape)  # the density keeps its σ
    indices, numbers = _shell_numbers(density, np.asarray(place), furthest_bohr)
    inside = numbers >= 0
    counts = np.bincount(numbers[inside])
    seen = counts > 0

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(numbers[inside], values[inside])[seen] / counts[seen]

    fields = {
        name: density.read_periodic(name, indices).astype(np.float64) for name in density.fields
    }
    means = {"density": mean(fields["density"])}
    for name in density.fields[1:]:
        means[name] = np.sqrt(mean(fields[name] ** 2))
    if reference is not None:
        other = reference.read_periodic("density", indices).astype(np.float64)
        means["reference"] = mean(other)
        means["deviation"] = np.sqrt(mean((fields["density"] - other) ** 2))
    middles = (np.flatnonzero(seen) + 0.5) * SHELL_BOHR
    return Shells(distance_bohr=middles, points=counts[seen], **means)


def _shell_numbers(
    density: Density, place: np.ndarray, furthest_bohr: float
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Return the mesh indices of a box around a place, and each point's shell, -1 beyond all."""
    cell, shape = density.cell, np.array(density.mesh.shape)
    shifts = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3), axis=-1).reshape(-1, 3)
    translations = np.linalg.norm(shifts[(shifts != 0).any(axis=1)] @ cell, axis=1)
    radius = min(furthest_bohr, 0.5 * float(translations.min())) // SHELL_BOHR * SHELL_BOHR
    reach = radius * np.linalg.norm(np.linalg.inv(cell), axis=0)  # fractional, along each axis
    first = np.ceil((place - reach) * shape).astype(int)
    last = np.floor((place + reach) * shape).astype(int)
    every = [np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]
    scaled = np.stack(np.meshgrid(*every, indexing="ij"), axis=-1) / shape - place
    distances = np.linalg.norm(scaled @ cell, axis=-1)
    numbers = np.where(distances < radius, (distances / SHELL_BOHR).astype(int), -1)
    x, y, z = (index % n for index, n in zip(every, shape, strict=True))
    return (x, y, z), numbers


def draw_defect(
    density: Density,
    picture: str | Path,
    place: np.ndarray | None = None,
    reference: Density | None = None,
) -> None:
    """Draw the density with ±3σ towards a defect; below it σ of both kinds and the error.

    Parameters
    ----------
    density, place, reference
        As of `shells_around`.
    picture
        File to write; its name says the format.
    """
    found = shells_around(density, place, reference=reference)
    lines = [
        ("σ", found.std, BLUE, "-"),
        ("epistemic σ", found.epistemic_std, GREY, "-"),
        ("aleatoric σ", found.aleatoric_std, GREY, ":"),
        ("error", found.deviation, RED, "--"),
    ]
    known = [(label, values, *style) for label, values, *style in lines if values is not None]
    figure = new_figure(6.0, 6.0 if known else 3.6)
    top, *below = figure.subplots(2 if known else 1, 1, sharex=True, squeeze=False)[:, 0]
    x = found.distance_bohr
    if found.std is not None:
        band = [found.density - 3.0 * found.std, found.density + 3.0 * found.std]
        top.fill_between(x, *band, color=ORANGE, alpha=0.6, linewidth=0, label="±3σ")
    top.plot(x, found.density, color=BLUE, label="density" if found.std is None else "predicted")
    if found.reference is not None:
        top.plot(x, found.reference, "--", color=RED, linewidth=1.0, label="reference")
    top.set(ylabel="mean density, e/Bohr³", xlim=(0.0, x[-1] + 0.5 * SHELL_BOHR))
    for axes in below:
        for label, values, colour, style in known:
            axes.plot(x, values, style, color=colour, marker="o", markersize=3, label=label)
        axes.set(ylabel="root mean square, e/Bohr³", yscale="log")
    for axes in (top, *below):
        axes.legend(frameon=False, fontsize=9)
    (below[-1] if below else top).set_xlabel("distance, Bohr")
    where = "the largest void" if place is None else "a place"
    figure.suptitle(f"{density.structure.formula}: shells of {SHELL_BOHR:g} Bohr around {where}")
    save_figure(figure, picture)
