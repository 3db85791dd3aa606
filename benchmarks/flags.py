"""Which cells `rhocast predict` flags: by points outside the training range, by spread, by places.

    python benchmarks/flags.py
    python benchmarks/flags.py --measures
    python benchmarks/flags.py --sizes 10 20 40

The first prints a row for each snapshot of data/al, data/al-defects, data/al-unseen, data/sige and
data/sige-unseen. Those that were trained on are marked. `--measures` compares measures that could
tell a point defect among 4000 atoms: the largest value in a thermal crystal, and the least, median
and largest of four defects. `--sizes` looks for places in thermal crystals of so many cells along
each edge, without defects, and says what part of a prediction's CPU time that takes.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from rhocast import config
from rhocast.density import read_snapshot
from rhocast.evaluation.compiled import CompiledEvaluator
from rhocast.grid import BinnedAtoms, Mesh
from rhocast.grid.uneven_places import uneven_places
from rhocast.inference import Request, predict_on_mesh
from rhocast.inference.outside import is_uneven, is_unusual, look_outside
from rhocast.inference.spacing import evaluation_spacing
from rhocast.inference.unlike_places import (
    beyond_chance,
    find_unlike_places,
    is_unlike,
    look_at_places,
)
from rhocast.model import DensityModel
from rhocast.model.training_range import nearest
from rhocast.structures import Structure
from rhocast.structures.build import build_system
from rhocast.structures.thermal import displace, settle

DATA = Path("data")
#: The folders that each model is judged on, and the snapshots held back from its training.
MODELS = {
    "al": (("al", "al-defects", "al-unseen"), ("al32/315K/7", "al32/933K/7", "al32/1866K/7")),
    "sige": (("sige", "sige-unseen"), ("sige64a/300K/0", "sige64b/900K/0", "sige64c/1500K/0")),
}
#: Lattice, its constant in Bohr, composition, Debye temperature in K, and cells along an edge of
#: about 4000 atoms, as in data/al.yaml and data/sige.yaml.
CRYSTALS = {
    "al": ("fcc", 7.6533907756, {"Al": 1.0}, 370.0, 10),
    "sige": ("diamond", 10.45, {"Si": 0.5, "Ge": 0.5}, 355.0, 8),
}
#: Where the defects of a crystal are, in fractional coordinates.
DEFECTS = ((0.27, 0.27, 0.27), (0.77, 0.77, 0.27), (0.77, 0.27, 0.77), (0.27, 0.77, 0.77))
#: Distance of points all over a cell, Bohr, and of a defect from what belongs to it.
SPACING_BOHR, NEAR_BOHR = 1.5, 6.0


def main() -> None:
    """Print the table that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measures", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # files of earlier versions
    if options.measures:
        lines = compare_measures()
    elif options.sizes:
        lines = look_at_sizes(options.sizes)
    else:
        lines = look_at_snapshots()
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def look_at_snapshots() -> Iterator[str]:
    """Give a row for each snapshot of the reference data."""
    yield "| model | snapshot | trained on | outside | spread | places | flags |"
    yield "|---" * 7 + "|"
    for name, (folders, held_back) in MODELS.items():
        model = DensityModel.load(name)
        known = model.training_range
        assert known is not None
        trained = model.metadata["training"]["snapshots"]
        for file in sorted(file for part in folders for file in (DATA / part).glob("*/*/*.h5")):
            structure = read_snapshot(file).structure
            found = look_outside(model, structure)
            assert found is not None
            assert found.spread is not None
            places = find_unlike_places(model, structure, found) or ()
            flags = {
                "points": is_unusual(found, known),
                "spread": is_uneven(found, known),
                "places": bool(places),
            }
            source = "/".join(file.parts[-3:])
            seen = source in trained and source.removesuffix(".h5") not in held_back
            told = ", ".join(flag for flag, raised in flags.items() if raised)
            yield (
                f"| {name} | {source.removesuffix('.h5')} | {'yes' if seen else ''} "
                f"| {found.share:.1%} | {found.spread:.2f} | {len(places)} | {told} |"
            )


def crystal(
    name: str, cells: int, temperature_K: float, defect: str = "", seed: int = 1
) -> tuple[Structure, np.ndarray]:
    """Make a thermal crystal, perfect or with four defects of a kind; where these are, Bohr."""
    lattice, constant, composition, debye, _ = CRYSTALS[name]
    system = config.System(
        lattice=lattice,
        lattice_constant_bohr=constant,
        composition=composition,
        repeat=(cells, cells, cells),
    )
    sites = build_system(system, debye, seed)
    positions, tree = sites.positions.copy(), cKDTree(sites.positions)
    gone: list[int] = []
    added, places = [], []
    for corner in DEFECTS if defect else ():
        near = tree.query(tree.data[tree.query(corner @ sites.cell)[1]], 2)[1]
        middle = tree.data[near[0]]
        if defect == "interstitial":  # a dumbbell
            step = np.array([0.0, 0.0, 0.3 * constant] if name == "al" else [1.6, 1.6, 0.0])
            positions[near[0]] = middle - step
            added.append((middle + step, sites.numbers[near[0]]))
        else:
            gone += near[: 1 if defect == "vacancy" else 2].tolist()
        places.append(middle)
    kept = np.delete(np.arange(len(sites)), gone)
    positions, numbers = positions[kept], sites.numbers[kept]
    if added:
        positions = np.vstack([positions, [place for place, _ in added]])
        numbers = np.append(numbers, [number for _, number in added])
    rest = Structure(positions, sites.cell, numbers)
    if name == "sige" and not added:
        rest = settle(rest)
    moved = displace(rest, temperature_K, debye, np.random.default_rng(seed))
    return moved, np.array(places).reshape(-1, 3)


def compare_measures() -> Iterator[str]:
    """Give a row for each measure, model and temperature."""
    kinds = ("vacancy", "di-vacancy", "interstitial")
    yield f"| model | K | measure | none | {' | '.join(kinds)} |"
    yield "|---" * (4 + len(kinds)) + "|"
    for name, temperature_K in product(MODELS, (300.0, 933.0)):
        model, cells = DensityModel.load(name), CRYSTALS[name][-1]
        rows: dict[str, list[str]] = {}
        for kind in ("", *kinds):
            structure, places = crystal(name, cells, temperature_K, kind)
            for measure, value_at in measures(model, structure).items():
                if kind:
                    values = [value_at(place) for place in places]
                    text = "–".join(f"{v:.2f}" for v in np.quantile(values, (0.0, 0.5, 1.0)))
                else:
                    text = f"{value_at(None):.2f}"
                rows.setdefault(measure, []).append(text)
        for measure, texts in rows.items():
            yield f"| {name} | {temperature_K:.0f} | {measure} | {' | '.join(texts)} |"


def measures(
    model: DensityModel, structure: Structure
) -> dict[str, Callable[[np.ndarray | None], float]]:
    """Return what gives each measure near a place, or its largest value anywhere."""
    points, distances = distances_everywhere(model, structure)
    median = float(np.median(distances))
    length = (structure.volume / len(structure)) ** (1.0 / 3.0)
    inverse = np.linalg.inv(structure.cell)

    def near(values: np.ndarray, where: np.ndarray) -> Callable[[np.ndarray | None], float]:
        def value_at(place: np.ndarray | None) -> float:
            if place is None:
                return float(values.max(initial=0.0))
            steps = (where - place) @ inverse
            apart = np.linalg.norm((steps - np.round(steps)) @ structure.cell, axis=1)
            return float(values[apart < NEAR_BOHR].max(initial=0.0))

        return value_at

    atoms = structure.fractional @ structure.cell
    to_atom, _ = cKDTree(atoms, boxsize=np.diag(structure.cell)).query(points)
    _, at_atoms = cKDTree(points).query(atoms)
    sides = np.maximum(1, np.diag(structure.cell) // 16.0).astype(int)
    box = np.ravel_multi_index((points @ inverse * sides).astype(int).T, tuple(sides))
    spreads = np.array(
        [np.quantile(distances[box == number], 0.99) for number in range(sides.prod())]
    )
    outside = look_outside(model, structure)
    known = model.training_range
    assert known is not None
    assert known.usual_spread is not None
    assert outside is not None
    assert outside.median is not None
    usual = known.usual_spread
    uneven = uneven_places(BinnedAtoms.of(structure), 2.0, 200)
    looked = look_at_places(model, structure, outside.median)
    told = [beyond_chance(place, usual, len(structure)) for place in looked]
    where = np.array([place.position_bohr for place in looked]).reshape(-1, 3)
    return {
        "spread of a box of 16 to 20 Bohr, median of the cell": near(spreads[box] / median, points),
        "distance of the point at an atom, median of the cell": near(
            distances[at_atoms] / median, atoms
        ),
        "largest empty sphere, (V/N)^(1/3)": near(to_atom / length, points),
        "deviations of ln n": near(
            np.array([abs(place.deviations) for place in uneven]),
            np.array([place.position_bohr for place in uneven]).reshape(-1, 3),
        ),
        "deviations × distance, beyond chance": near(np.array(told), where),
    }


def distances_everywhere(model: DensityModel, structure: Structure) -> tuple[np.ndarray, ...]:
    """Return points (p, 3) all over a cell and their distances (p,) from the nearest anchors."""
    known = model.training_range
    assert known is not None
    assert known.anchors is not None
    mesh = Mesh.with_spacing(structure.cell, SPACING_BOHR)
    around = BinnedAtoms.of(structure).around(np.zeros(3), np.ones(3), model.reach_bohr)
    assert around is not None
    bound, (_, ny, nz) = CompiledEvaluator(model, mesh).bind(around), mesh.shape
    layers = [
        nearest(
            bound.features((slice(x, x + 1), slice(0, ny), slice(0, nz))).reshape(ny * nz, -1),
            known.anchors,
        )
        for x in range(mesh.shape[0])
    ]
    return mesh.points(np.arange(mesh.n_points)), np.concatenate(layers)


def look_at_sizes(sizes: list[int]) -> Iterator[str]:
    """Give a row for each thermal crystal; the prediction that the time is compared with is one."""
    yield "| model | atoms | K | looked at | told | beyond chance, most | µs an atom | share |"
    yield "|---" * 8 + "|"
    for name in MODELS:
        model = DensityModel.load(name)
        known = model.training_range
        assert known is not None
        assert known.usual_spread is not None
        structure, _ = crystal(name, CRYSTALS[name][-1], 300.0)
        mesh = Mesh.with_spacing(structure.cell, evaluation_spacing(model, None, False))
        before = time.process_time()
        predict_on_mesh(model, structure, mesh)
        predicting = (time.process_time() - before) / len(structure)
        for cells, temperature_K in product(sizes, (300.0, 600.0, 933.0)):
            structure, _ = crystal(name, cells, temperature_K, seed=2)
            request = Request(model, structure, Mesh((1, 1, 1), structure.cell))
            assert request.outside is not None
            assert request.outside.median is not None
            before = time.process_time()
            looked = look_at_places(model, structure, request.outside.median)
            looking = (time.process_time() - before) / len(structure)
            most = max(
                (beyond_chance(place, known.usual_spread, len(structure)) for place in looked),
                default=0.0,
            )
            told = sum(is_unlike(place, known, len(structure)) for place in looked)
            yield (
                f"| {name} | {len(structure)} | {temperature_K:.0f} | {len(looked)} | {told} "
                f"| {most:.2f} | {1e6 * looking:.1f} | {looking / predicting:.1%} |"
            )


if __name__ == "__main__":
    main()
