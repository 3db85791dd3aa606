"""σ against the size of the cell (the paper's Supplementary Fig. 3): it must not grow.

A cell is doubled along its axes again and again, its atoms displaced as at one temperature, each
independently of its images. σ is computed at random places, never as a whole field.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.analysis.picture import new_figure, save_figure
from rhocast.descriptors import make
from rhocast.errors import ConfigError
from rhocast.grid import BinnedAtoms
from rhocast.model import DensityModel
from rhocast.structures import Structure, build_system

log = logging.getLogger(__name__)

#: Places that are looked at in each size, points at each of them, width of a place, Bohr: some
#: atoms wide, so that each place is a fair sample.
PLACES, POINTS, WIDTH_BOHR = 128, 64, 8.0
#: Small cells are made anew until there are so many atoms: one cell is one sample.
_ATOMS = 8192

_QUANTILES = {"std_05": 0.05, "std_25": 0.25, "std_50": 0.5, "std_75": 0.75, "std_95": 0.95}


@dataclass(frozen=True)
class Row:
    """One size.

    Attributes
    ----------
    atoms
        In the cell.
    cells
        That were made.
    points
        That σ was computed at.
    std_05, std_25, std_50, std_75, std_95
        Quantiles of σ, aleatoric and epistemic together, e/Bohr³.
    epistemic_50
        Median of the epistemic part, e/Bohr³.
    """

    atoms: int
    cells: int
    points: int
    std_05: float
    std_25: float
    std_50: float
    std_75: float
    std_95: float
    epistemic_50: float


def sigma_by_size(
    model: DensityModel,
    system: config.System,
    *,
    debye_temperature_K: float,
    max_atoms: int,
    seed: int,
) -> list[Row]:
    """Measure how σ (fast) is distributed in ever larger cells.

    Parameters
    ----------
    model
        The model.
    system
        The smallest cell, from a lattice, with the temperature of its displacements.
    debye_temperature_K
        Sets their size, K.
    max_atoms
        No cell is larger than that.
    seed
        Of occupation, displacements and places.

    Raises
    ------
    ConfigError
        If the cell comes from a file, or is larger than ``max_atoms``.
    ModelError
        If the model has no fast uncertainty, or does not know an element.
    """
    rows = []
    for number, cell in enumerate(doubled(system)):
        first = build_system(cell, debye_temperature_K, config.seed_for(seed, number, 0))
        if len(first) > max_atoms:
            break
        cells = int(np.clip(_ATOMS // len(first), 1, PLACES))
        rng = np.random.default_rng(config.seed_for(seed, number, "places"))
        deviations = [_deviations(model, first, PLACES // cells, rng)]
        for again in range(1, cells):
            other = build_system(cell, debye_temperature_K, config.seed_for(seed, number, again))
            deviations.append(_deviations(model, other, PLACES // cells, rng))
        total, epistemic = np.concatenate(deviations, axis=1)
        quantiles = {name: float(np.quantile(total, q)) for name, q in _QUANTILES.items()}
        middle = float(np.median(epistemic))
        rows.append(Row(len(first), cells, len(total), epistemic_50=middle, **quantiles))
        log.info("%d atoms: median σ %.2e e/Bohr³", len(first), rows[-1].std_50)
    if not rows:
        raise ConfigError(f"expected a cell of at most {max_atoms} atoms, found {len(first)}")
    return rows


def doubled(system: config.System) -> Iterator[config.System]:
    """Yield a cell repeated 1, 2, 4 … times along each axis."""
    if system.file is not None:
        raise ConfigError(
            f"file: {system.file} cannot be repeated with other displacements; expected a system "
            "with a `lattice`"
        )
    times = 1
    while True:
        x, y, z = (times * count for count in system.repeat)
        yield system.model_copy(update={"repeat": (x, y, z)})
        times *= 2


def _deviations(
    model: DensityModel, structure: Structure, places: int, rng: np.random.Generator
) -> np.ndarray:
    """Total and epistemic deviation at random places of a cell; (2, p), e/Bohr³."""
    atoms = BinnedAtoms.of(structure)
    descriptor = make(model.descriptor, model.species)
    extent = WIDTH_BOHR / np.linalg.norm(structure.cell, axis=1)
    parts = []
    for lower in rng.random((places, 3)):
        offsets = rng.random((POINTS, 3)) * extent @ structure.cell
        around = atoms.around(lower, lower + extent, descriptor.reach_bohr)
        if around is None:
            continue
        bound = descriptor.bind(around.structure, around.lower, around.upper)
        found = model.predict(bound(around.corner + offsets), fast=True)
        assert found.epistemic_std is not None  # it has been asked for
        parts.append(np.stack([found.total_std, found.epistemic_std]))
    return np.concatenate(parts, axis=1)


def draw_sigma(rows: Sequence[Row], temperature_K: float | None, picture: str | Path) -> None:
    """Draw median and quantiles of σ over the number of atoms.

    Parameters
    ----------
    rows
        Of `sigma_by_size`.
    temperature_K
        Of the cells, K.
    picture
        PNG to write.
    """
    figure = new_figure(5.4, 4.3)
    axes = figure.subplots()
    atoms = [row.atoms for row in rows]
    for low, high, shade in (("std_05", "std_95", 0.15), ("std_25", "std_75", 0.3)):
        axes.fill_between(
            atoms,
            [getattr(row, low) for row in rows],
            [getattr(row, high) for row in rows],
            color="#3b6ea5",
            alpha=shade,
            linewidth=0,
            label=f"{int(low[-2:])} to {high[-2:]} % of the points",
        )
    axes.plot(atoms, [row.std_50 for row in rows], "o-", color="#3b6ea5", label="median σ")
    axes.plot(
        atoms, [row.epistemic_50 for row in rows], "s-", color="#c0392b", label="median epistemic σ"
    )
    axes.set(xlabel="atoms", ylabel="σ, e/Bohr³", xscale="log", yscale="log")
    axes.set_title(
        f"{temperature_K or 0:g} K; median of the largest cell over that of the smallest: "
        f"{rows[-1].std_50 / rows[0].std_50:.2f}",
        fontsize=9.5,
    )
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    save_figure(figure, picture)
