"""Densities of random alloys over all compositions: the pool and the test set of a study.

`benchmarks/compositions.py` uses them. Cells have eight sites of the diamond lattice, occupied at
random, with Vegard's lattice constant; the atoms are displaced by phonons of springs at 600 K.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.density import write_snapshot
from rhocast.engines import (
    Launcher,
    compute_snapshot,
    make_engine,
    resolve_engine,
    resolve_pseudopotentials,
)
from rhocast.structures import build_system

SITES, TEMPERATURE_K, TESTS = 8, 600, 12

#: Lattice constant in the diamond structure, Bohr; pseudopotential.
ELEMENTS = {
    "Si": (10.26, "spms"),
    "Ge": (10.70, "data/pseudopotentials/Ge-low.psp8"),
    "Sn": (12.26, "spms"),
}

#: 2×2×2 k-points in all cells, which is coarse; the same for training and test.
DFT = config.Dft(
    mesh_spacing_bohr=0.45,
    cutoff_ha=12.0,
    kpoint_spacing_per_bohr=0.31,
    kpoint_shift="half",
    scf_tolerance=1e-4,
)


@dataclass(frozen=True)
class Alloy:
    """The elements of a study, and how often its pool holds each composition.

    Attributes
    ----------
    elements
        Chemical symbols.
    debye_temperature_K
        Sets the displacements, K.
    copies
        Arrangements of each composition in the pool.
    """

    elements: tuple[str, ...]
    debye_temperature_K: float
    copies: int


ALLOYS = {
    "sige": Alloy(("Si", "Ge"), 450.0, 4),
    "sigesn": Alloy(("Si", "Ge", "Sn"), 350.0, 1),
}


def compositions(n_elements: int, sites: int = SITES) -> list[tuple[int, ...]]:
    """Return all ways to occupy the sites: how many atoms of each element."""
    if n_elements == 1:
        return [(sites,)]
    return [
        (n, *rest) for n in range(sites, -1, -1) for rest in compositions(n_elements - 1, sites - n)
    ]


def names(alloy: str, test: bool) -> list[str]:
    """Return the names of the cells of the pool, or of those to judge by.

    A name holds the number of atoms of each element and a number. The compositions of the test set
    are drawn at random.
    """
    every = compositions(len(ALLOYS[alloy].elements))
    if test:
        drawn = np.random.default_rng(1).integers(len(every), size=TESTS)
        return [f"test-{number}-{label(every[i])}" for number, i in enumerate(drawn)]
    return [f"pool-{number}-{label(c)}" for number in range(ALLOYS[alloy].copies) for c in every]


def label(counts: tuple[int, ...]) -> str:
    """Return a composition as a word."""
    return "-".join(map(str, counts))


def shares(name: str) -> np.ndarray:
    """Return the share of each element in a cell, from its name."""
    counts = np.array([int(word) for word in name.split("-")[2:]])
    return counts / counts.sum()


def densities(alloy: str, test: bool, folder: Path) -> Iterator[Path]:
    """Yield the snapshot files; compute those that the folder does not hold."""
    for name in names(alloy, test):
        path = folder / alloy / f"{name}.h5"
        if not path.is_file():
            _compute(alloy, name, path)
        yield path


def _compute(alloy: str, name: str, path: Path) -> None:
    elements = ALLOYS[alloy].elements
    x = dict(zip(elements, shares(name), strict=True))
    cell = config.System(
        lattice="diamond",
        lattice_constant_bohr=sum(x[e] * ELEMENTS[e][0] for e in elements),
        composition={e: float(share) for e, share in x.items() if share > 0},
        temperature_K=TEMPERATURE_K,
    )
    seed = config.seed_for(0, "structure", alloy, name)
    structure = build_system(cell, ALLOYS[alloy].debye_temperature_K, seed)
    files = {e: ELEMENTS[e][1] for e in structure.species}
    path.parent.mkdir(parents=True, exist_ok=True)
    snapshot = compute_snapshot(
        make_engine(resolve_engine("abinit")),
        structure,
        DFT,
        resolve_pseudopotentials(files),
        temperature_K=TEMPERATURE_K,
        launcher=Launcher(),
        workdir=path.with_suffix(".work"),
    )
    write_snapshot(path, snapshot)
