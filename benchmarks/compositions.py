"""Error of an alloy's model against the number of snapshots, for ways to choose compositions.

    python benchmarks/compositions.py FOLDER [--alloys sige sigesn] [--seeds 3] [--steps 400]

A pool holds random arrangements of all compositions of eight atoms (`benchmarks/alloys.py`). Small
models are trained on some of its densities, and judged on arrangements of compositions that were
drawn at random. FOLDER keeps densities and features, which are made if they are not there, and
receives a table ALLOY.tsv. Errors are ∫|Δρ|/N_e, estimated at 4000 points of each snapshot.

The ways: `random` snapshots; a `grid` of compositions, evenly spaced from the pure elements on; an
`inner` grid, which leaves the pure elements out;
`equimolar`, the compositions nearest to equal shares; `varied`, which needs no model
(`most_varied`); `acquired`, which begins with random snapshots and doubles them
by what the model trained on them would learn most from (`rhocast.learning.acquire`); `equal-noise`,
the same with its option of that name; `inner-first`, which asks the model after two sizes of the
inner grid.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import alloys
import numpy as np
from ase.data import atomic_numbers

from rhocast import config
from rhocast.density import read_snapshot
from rhocast.engines import resolve_pseudopotentials
from rhocast.learning import (
    Candidate,
    FeatureSet,
    acquire,
    read_features,
    sample_features,
    train_on,
)
from rhocast.learning.points import remainder
from rhocast.model import DensityModel
from rhocast.structures import Structure
from rhocast.structures.springs import find_bonds

SIZES = {"sige": (2, 4, 8, 16), "sigesn": (3, 6, 12, 24)}
POINTS = 4000
WAYS = ("random", "grid", "inner", "equimolar", "varied", "acquired", "equal-noise", "inner-first")

#: Ways that ask a model: how they begin, and for how many of the sizes.
FIRST = {"acquired": ("random", 1), "equal-noise": ("random", 1), "inner-first": ("inner", 2)}

DESCRIPTOR = config.SmoothDescriptor(kind="smooth", radial_functions=4, angular=3)
BASELINE = config.Baseline(
    multipoles=config.Multipoles(cutoff_bohr=9.0, radial_functions=4, angular=4)
)
NETWORK = config.Network(width=48, blocks=1, layers_per_block=1, prior_std=0.3)


@dataclass(frozen=True)
class Data:
    """What is chosen from, in the order of the features, and what is judged by.

    Attributes
    ----------
    pool, test
        Features.
    structures
        Of the pool.
    shares : (m, e) array
        Composition of each of them.
    elements
        Chemical symbols.
    """

    pool: FeatureSet
    test: FeatureSet
    structures: list[Structure]
    shares: np.ndarray
    elements: tuple[str, ...]


def main() -> None:
    """Make what is missing, train, write the tables and print the mean errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--alloys", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()
    for alloy in options.alloys:
        data = load(alloy, options.folder)
        errors: dict[tuple[str, int], list[float]] = {}
        with (options.folder / f"{alloy}.tsv").open("w", encoding="utf-8") as table:
            table.write("seed\tway\tsnapshots\terror\tcompositions\n")
            for seed in range(options.seeds):
                for way, chosen, error in curves(
                    data, options.ways, SIZES[alloy], options.steps, seed
                ):
                    errors.setdefault((way, len(chosen)), []).append(error)
                    taken = " ".join(alloys.label(c) for c in counts(data.shares[chosen]))
                    table.write(f"{seed}\t{way}\t{len(chosen)}\t{error:.6f}\t{taken}\n")
                    table.flush()
        sys.stdout.write(summary(alloy, errors))


def load(alloy: str, folder: Path) -> Data:
    """Read the features of pool and test set; compute what the folder does not hold."""
    elements = alloys.ALLOYS[alloy].elements
    files = resolve_pseudopotentials({e: alloys.ELEMENTS[e][1] for e in elements})
    valence = {element: file.valence for element, file in files.items()}
    sets = []
    for name, test in (("pool", False), ("test", True)):
        path = folder / f"{alloy}-{name}.h5"
        densities = sorted(alloys.densities(alloy, test, folder))  # the order of the features
        if not path.is_file():
            sample_features(
                path,
                densities,
                descriptor=DESCRIPTOR,
                baseline=BASELINE,
                valence=valence,
                points_per_snapshot=POINTS,
                seed=0,
            )
        sets.append(read_features(path))
    pool, test_set = sets
    sources = [folder / alloy / Path(record.source).name for record in pool.records]
    return Data(
        pool,
        test_set,
        [read_snapshot(source).structure for source in sources],
        np.array([alloys.shares(source.stem) for source in sources]),
        elements,
    )


def curves(
    data: Data, ways: Sequence[str], sizes: tuple[int, ...], steps: int, seed: int
) -> Iterator[tuple[str, list[int], float]]:
    """Train the models of one seed; yield the way, what was chosen, and the error."""
    for way in ways:
        rng = np.random.default_rng(seed)
        shuffled = rng.permutation(len(data.shares)).tolist()
        first, asks_from = FIRST.get(way, (way, len(sizes)))
        chosen: list[int] = []
        model = None
        for place, size in enumerate(sizes):
            if model is None or place < asks_from:
                chosen = choose(data, first, size, shuffled)
            else:
                chosen = chosen + more(data, chosen, model, size - len(chosen), way != "acquired")
            model = trained(data, chosen, steps, seed)
            yield way, chosen, error(model, data.test)


def choose(data: Data, way: str, size: int, shuffled: list[int]) -> list[int]:
    """Choose snapshots without a model, of equal ones the first in the shuffled order."""
    if way in ("grid", "inner"):
        return on_grid(data.shares[shuffled], size, shuffled, inner=way == "inner")
    if way == "equimolar":
        middle = np.abs(data.shares[shuffled] - 1.0 / len(data.elements)).max(axis=1)
        return [shuffled[i] for i in np.argsort(middle, kind="stable")[:size]]
    if way == "varied":
        # A seed leaves half of the pool out, so that the choices of seeds differ.
        half = shuffled[: max(size, len(shuffled) // 2)]
        order = most_varied([data.structures[i] for i in half], data.elements, size)
        return [half[i] for i in order]
    return shuffled[:size]


def on_grid(shares: np.ndarray, size: int, shuffled: list[int], inner: bool) -> list[int]:
    """Take the snapshots nearest to evenly spaced compositions, each snapshot once.

    The finest grid with at most so many compositions is used, and its compositions again for the
    snapshots that remain. An inner grid is drawn towards equal shares by half a step at its ends.
    """
    n_elements = shares.shape[1]
    steps = 1
    while len(alloys.compositions(n_elements, steps + 1)) <= size:
        steps += 1
    grid = np.array(alloys.compositions(n_elements, steps)) / steps
    if inner:
        grid += (1.0 / n_elements - grid) / (steps + 1)
    free = np.ones(len(shares), dtype=bool)
    taken = []
    for place in np.arange(size) * len(grid) // size:
        distance = np.linalg.norm(shares - grid[place], axis=1) + np.where(free, 0.0, np.inf)
        best = int(np.argmin(distance))
        free[best] = False
        taken.append(shuffled[best])
    return taken


def environments(structure: Structure, elements: Sequence[str]) -> np.ndarray:
    """Describe each atom by its element and its neighbours; returns (n, e²).

    For each element there is a block of e numbers, which is zero unless the atom is of that
    element: one, then the shares of the second and further elements among the neighbours.
    """
    is_element = structure.numbers[:, None] == [atomic_numbers[e] for e in elements]
    bonds = find_bonds(structure)
    neighbours = np.zeros((len(structure), len(elements)))
    np.add.at(neighbours, bonds.first, is_element[bonds.second])
    np.add.at(neighbours, bonds.second, is_element[bonds.first])
    around = neighbours / np.maximum(neighbours.sum(axis=1, keepdims=True), 1.0)
    around[:, 0] = 1.0
    return (is_element[:, :, None] * around[:, None, :]).reshape(len(structure), -1)


def most_varied(structures: Sequence[Structure], elements: Sequence[str], count: int) -> list[int]:
    """Choose structures whose atoms have neighbours as different as possible, in a fixed order.

    With the `environments` z of all atoms, each structure is the one that increases
    det(1 + Σ z zᵀ), summed over the atoms of those chosen, most: a D-optimal design.
    """
    found = [environments(structure, elements) for structure in structures]
    information = [z.T @ z for z in found]
    known, left, chosen = np.eye(len(elements) ** 2), list(range(len(found))), []
    for _ in range(count):
        gains = [np.linalg.slogdet(known + information[i])[1] for i in left]
        chosen.append(left.pop(int(np.argmax(gains))))
        known = known + information[chosen[-1]]
    return chosen


def more(
    data: Data, known: list[int], model: DensityModel, count: int, equal_noise: bool
) -> list[int]:
    """Choose further snapshots by what a model would learn most from."""
    left = [i for i in range(len(data.structures)) if i not in known]
    candidates = [Candidate("pool", i, data.structures[i]) for i in left]
    return [choice.frame for choice in acquire(model, candidates, count, equal_noise=equal_noise)]


def trained(data: Data, chosen: list[int], steps: int, seed: int) -> DensityModel:
    """Train on the snapshots that were chosen; a few of their points are held back."""
    schedule = config.Training(
        dataset="pool", steps=steps, batch_size=512, learning_rate=0.01, validation_share=0.01
    )
    return train_on(
        data.pool.of_snapshots(sorted(chosen)), network=NETWORK, training=schedule, seed=seed
    )


def error(model: DensityModel, data: FeatureSet) -> float:
    """Estimate ∫|Δρ|/N_e from sampled points."""
    target = remainder(data, np.arange(len(data)), model.baseline)
    found = model.predict(np.array(data.features)).mean
    return float(np.abs(found - target).sum() / data.target.sum())


def counts(shares: np.ndarray) -> list[tuple[int, ...]]:
    """Return compositions as numbers of atoms."""
    return [tuple(np.rint(row * alloys.SITES).astype(int).tolist()) for row in shares]


def summary(alloy: str, errors: dict[tuple[str, int], list[float]]) -> str:
    """Return the mean errors and their standard deviations over the seeds as a table."""
    sizes = sorted({size for _, size in errors})
    lines = [f"{alloy:12}" + "".join(f"{size:>18}" for size in sizes)]
    for way in [way for way in WAYS if (way, sizes[0]) in errors]:
        cells = [
            f"{100 * np.mean(errors[way, n]):.3f} ± {100 * np.std(errors[way, n]):.3f} %"
            for n in sizes
        ]
        lines.append(f"{way:12}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
