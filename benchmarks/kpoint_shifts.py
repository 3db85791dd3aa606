"""Bias and noise of k-meshes with a fixed and with a drawn shift, against a dense mesh.

Run in the repository's root: python benchmarks/kpoint_shifts.py al4 FOLDER
Computes one thermal cell (al4 or si8) on many meshes with ABINIT; densities that are in FOLDER are
kept. Prints a row for each kind of mesh, errors as ∫|Δρ|/N_e: of one density (the mean over the
shifts), of the mean density of all shifts, what that would be if errors had mean zero, and the
bias, which is the part of a density's error that no number of shifts averages away.
"""

import itertools
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.density import Snapshot, read_snapshot, write_snapshot
from rhocast.engines import (
    Launcher,
    compute_snapshot,
    make_engine,
    resolve_engine,
    resolve_pseudopotentials,
)
from rhocast.grid.kpoints import KMesh, kpoint_mesh
from rhocast.structures import build_system

_TEMPERATURE_K = 800


@dataclass(frozen=True)
class Case:
    """A cell, its element, the points of the dense mesh, and (kind of shift, points, shifts)."""

    system: dict[str, object]
    element: str
    debye_temperature_K: float
    dense: int
    kinds: tuple[tuple[str, int, int], ...]


CASES = {
    # 4×4×4 and 6×6×6 are to 4 atoms what 2×2×2 and 3×3×3 are to 32.
    "al4": Case(
        {"lattice": "fcc", "lattice_constant_bohr": 7.65, "composition": {"Al": 1.0},
         "repeat": (1, 1, 1)},
        "Al", 428.0, 12,
        (("gamma", 6, 1), ("half", 4, 1), ("random", 4, 8), ("random-half", 4, 8),
         ("random", 3, 8), ("random", 2, 16)),
    ),
    # 2×2×2 are to 8 atoms what one point is to 64.
    "si8": Case(
        {"lattice": "diamond", "lattice_constant_bohr": 10.334, "composition": {"Si": 1.0},
         "repeat": (1, 1, 1)},
        "Si", 645.0, 4,
        (("gamma", 2, 1), ("half", 2, 1), ("random", 2, 8), ("gamma", 1, 1), ("half", 1, 1),
         ("random", 1, 8), ("random-half", 1, 8)),
    ),
}  # fmt: skip


def main() -> None:
    """Compute what is not there yet and print the table."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    case = CASES[name]
    dense = [compute(name, shift, case.dense, "", folder) for shift in ("half", "gamma")]
    judge = np.mean([snapshot.density for snapshot in dense], axis=0, dtype=float)
    own = misplaced(dense[0].density, dense[1].density) / 2.0
    sys.stdout.write(f"judge: mean of {dense[0].kpoints} and {dense[1].kpoints}, each {own:.3%}\n")
    sys.stdout.write("mesh\tshift\tk-points\tshifts\tone\tmean\tif unbiased\tbias\tCPU s\n")
    for shift, divisions, count in case.kinds:
        drawn = [compute(name, shift, divisions, n, folder) for n in names(shift, count)]
        sys.stdout.write("\t".join([f"{divisions}", shift, *row(drawn, judge)]) + "\n")


def row(drawn: list[Snapshot], judge: np.ndarray) -> Iterator[str]:
    """Yield the columns of one kind of mesh."""
    errors = np.array([snapshot.density - judge for snapshot in drawn])
    count = len(errors)
    one = float(np.mean([misplaced(judge + error, judge) for error in errors]))
    points = {KMesh.parse(snapshot.kpoints).n_irreducible for snapshot in drawn}
    yield "-".join(str(n) for n in sorted({min(points), max(points)}))
    yield f"{count}"
    yield f"{one:.3%}"
    yield f"{misplaced(judge + errors.mean(axis=0), judge):.3%}" if count > 1 else ""
    yield f"{one / np.sqrt(count):.3%}" if count > 1 else ""
    yield f"{one * bias_share(errors):.3%}" if count > 1 else ""
    yield f"{np.mean([snapshot.record['cpu_s'] for snapshot in drawn]):.1f}"


def bias_share(errors: np.ndarray) -> float:
    """Return the root mean square of the mean error over that of one, its noise taken off."""
    noise = errors.var(axis=0, ddof=1).mean() / len(errors)
    bias = np.square(errors.mean(axis=0)).mean() - noise
    return float(np.sqrt(max(bias, 0.0) / np.square(errors).mean()))


def names(shift: str, count: int) -> list[str]:
    """Return names that draw so many different shifts."""
    if shift != "random-half":
        return [f"shift-{number}" for number in range(count)] if shift == "random" else [""]
    drawn: dict[KMesh, str] = {}
    for number in itertools.count():
        name = f"half-{number}"
        seed = config.seed_for(0, "kpoints", name)
        drawn.setdefault(kpoint_mesh(np.eye(3), 10.0, shift, seed), name)
        if len(drawn) == count:
            break
    return list(drawn.values())


def compute(system: str, shift: str, divisions: int, name: str, folder: Path) -> Snapshot:
    """Compute the cell's density on a mesh, or read it."""
    path = folder / system / ("-".join(filter(None, [shift, f"{divisions}", name])) + ".h5")
    if path.is_file():
        return read_snapshot(path)
    case = CASES[system]
    cell = config.System.model_validate({**case.system, "temperature_K": _TEMPERATURE_K})
    seed = config.seed_for(0, "structure", system, _TEMPERATURE_K, 0)
    structure = build_system(cell, case.debye_temperature_K, seed)
    dft = config.Dft(
        mesh_spacing_bohr=0.6,
        cutoff_ha=8.0,
        kpoint_spacing_per_bohr=2.0 * np.pi / structure.cell[0, 0] / divisions,
        kpoint_shift=shift,
        scf_tolerance=1e-8,
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    snapshot = compute_snapshot(
        make_engine(resolve_engine("abinit")),
        structure,
        dft,
        resolve_pseudopotentials({case.element: "spms"}),
        temperature_K=float(_TEMPERATURE_K),
        launcher=Launcher(),
        workdir=path.with_suffix(".work"),
        kpoint_seed=config.seed_for(0, "kpoints", name) if dft.draws_kpoint_shift else None,
    )
    cpu_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    snapshot = replace(snapshot, record={**snapshot.record, "cpu_s": cpu_s})
    write_snapshot(path, snapshot)
    return snapshot


def misplaced(density: np.ndarray, reference: np.ndarray) -> float:
    """Return ∫|Δρ| over the electrons."""
    return float(np.abs(density - reference).sum() / reference.sum())


if __name__ == "__main__":
    main()
