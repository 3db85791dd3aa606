"""What SCF cycles cost by what they begin from, and what Harris-Foulkes energies cost.

    python benchmarks/scf_start.py al data/al/al32-test/500K/0.h5 data/al/al32-test/500K/1.h5

Snapshots come in pairs of one cell: the first is computed from each start, the second lends its
wave functions (ABINIT). With --lender-displacement-bohr no second one is needed: the cell itself
lends them, its atoms displaced. CPU seconds are user and system of all processes; the prediction,
without Python's start, and the density file that ABINIT wants are included. Sweeps are those of
ABINIT's eigensolver over all bands and k-points. "exact" is a density converged to a thousandth of
the tolerance: the floor. Prints tab-separated values; errors are against that density and its
energy.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

import numpy as np

import rhocast
from rhocast import config
from rhocast.density import Density, Snapshot, read_snapshot
from rhocast.density.fourier import resample
from rhocast.engines import (
    Launcher,
    compute_snapshot,
    harris_foulkes,
    make_engine,
    resolve_engine,
    resolve_pseudopotentials,
)
from rhocast.structures import Structure

COLUMNS = "cell start steps sweeps cpu_s error_mev_per_atom density_error"

MEV_PER_HARTREE = 27211.386


def main() -> None:
    """Compute every pair of snapshots and print a row for each start."""
    parser = argparse.ArgumentParser(description="Cost of SCF cycles by what they begin from.")
    parser.add_argument("model", help="name or file of a model")
    parser.add_argument("snapshots", nargs="+", help="snapshot files, in pairs of one cell")
    parser.add_argument("--engine", default="abinit", choices=("abinit", "sparc"))
    parser.add_argument("--cutoff-ha", type=float, default=10.0)
    parser.add_argument("--mesh-spacing-bohr", type=float, default=0.6)
    parser.add_argument("--kpoint-spacing-per-bohr", type=float, default=1.0)
    parser.add_argument("--kpoint-shift", default="gamma")
    parser.add_argument("--scf-tolerance", type=float, default=1e-6)
    parser.add_argument("--lender-displacement-bohr", type=float, help="RMS of a component")
    options = vars(parser.parse_args())
    model, names = rhocast.load(options.pop("model")), options.pop("snapshots")
    pairs = lenders(names, options.pop("lender_displacement_bohr"))
    sys.stdout.write("\t".join(COLUMNS.split()) + "\n")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(model, config.Dft(**options), Path(folder))
        for name, structure, lender in pairs:
            bench.measure(name, structure, lender)


def lenders(names: list[str], displacement: float | None) -> list[tuple[str, Structure, Structure]]:
    """Return name and structure of each snapshot and the structure that lends its wave functions.

    The difference of two independent thermal snapshots is √2 times the displacement of one.
    """
    structures = [read_snapshot(name).structure for name in names]
    if displacement is None:
        return list(zip(names[::2], structures[::2], structures[1::2], strict=True))
    random = np.random.default_rng(0)
    return [
        (name, structure, replace(structure, positions=structure.positions
         + displacement * random.standard_normal(structure.positions.shape)))
        for name, structure in zip(names, structures, strict=True)
    ]  # fmt: skip


class Bench:
    """Runs one engine with the densities of one model."""

    def __init__(self, model: Any, dft: config.Dft, folder: Path) -> None:
        self.model, self.dft, self.folder = model, dft, folder
        self.engine = make_engine(resolve_engine(dft.engine))

    def measure(self, name: str, structure: Structure, other: Structure) -> None:
        """Compute a structure from each start; the other lends its wave functions."""
        fine = self.dft.model_copy(update={"scf_tolerance": 1e-3 * self.dft.scf_tolerance})
        exact, _ = self.scf(structure, fine)
        floor = Density(structure, exact.density, source="exact")
        self.model.predict(structure)  # imports, and the kernels' first call
        predicted, predict_s = timed(lambda: self.model.predict(structure))
        row(name, "(the prediction)", 0, 0, predict_s, np.nan, share(predicted.density, exact))
        if lends := self.dft.engine == "abinit":
            self.scf(other, self.dft, None, self.folder / "lent")
        for kind in (None, False, True)[: 3 if lends else 2]:
            starts = (None,) if kind is None else (predicted, floor)
            for start in starts:
                self.cycle(name, structure, start, kind is True, predict_s, exact, predicted)
            if kind is not None:
                at, cpu_s = self.energy(structure, predicted, self.lent() if kind else None)
                off = (at.energy_ha - exact.energy_ha) / len(structure)
                label = "Harris-Foulkes" + ", waves of another snapshot" * kind
                row(name, label, 1, 0, cpu_s + predict_s, off, share(predicted.density, exact))

    def cycle(
        self,
        name: str,
        structure: Structure,
        start: Any,
        from_waves: bool,
        predict_s: float,
        exact: Snapshot,
        predicted: Any,
    ) -> None:
        """Compute one SCF cycle and print its row."""
        found, cpu_s = self.scf(structure, self.dft, start, self.lent() if from_waves else None)
        cpu_s += predict_s if start is predicted else 0.0
        label = "superposed atoms" if start is None else "exact"
        label = "predicted" if start is predicted else label
        label += ", waves of another snapshot" * from_waves
        steps = found.record["scf_iterations"]
        off = (found.energy_ha - exact.energy_ha) / len(structure)
        row(name, label, steps, found.record.get("sweeps", 0), cpu_s, off,
            share(found.density, exact))  # fmt: skip

    def lent(self) -> Path:
        """Return a folder with the wave functions of the other snapshot, which a run replaces."""
        folder = self.folder / "waves"
        shutil.rmtree(folder, ignore_errors=True)
        return Path(shutil.copytree(self.folder / "lent", folder))

    def scf(
        self, structure: Structure, dft: config.Dft, start: Any = None, waves: Path | None = None
    ) -> tuple[Snapshot, float]:
        """Return a single point and the CPU seconds it took."""
        return timed(
            lambda: compute_snapshot(
                self.engine, structure, dft, resolve_pseudopotentials(self.files(structure)),
                temperature_K=300.0, launcher=Launcher(), workdir=self.folder / "work",
                start=start, waves=waves,
            )
        )  # fmt: skip

    def energy(self, structure: Structure, density: Any, waves: Path | None) -> tuple[Any, float]:
        """Return the Harris-Foulkes energy at a density and the CPU seconds it took."""
        return timed(
            lambda: harris_foulkes(
                self.engine, structure, density, self.dft,
                resolve_pseudopotentials(self.files(structure)),
                launcher=Launcher(), workdir=self.folder / "work", waves=waves,
            )
        )  # fmt: skip

    def files(self, structure: Structure) -> dict[str, str]:
        """Return the pseudopotentials that the shipped models were made with."""
        own = {"Ge": "data/pseudopotentials/Ge-low.psp8"}
        return {element: own.get(element, "spms") for element in structure.species}


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function returns, and the CPU seconds of this process and its children."""
    before = cpu_seconds()
    return work(), cpu_seconds() - before


def cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    return sum(
        used.ru_utime + used.ru_stime for used in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN))
    )


def share(density: np.ndarray, exact: Snapshot) -> float:
    """∫|Δρ|/N_e, on the mesh of the exact density."""
    nx, ny, nz = exact.density.shape
    scaled = resample(density, (nx, ny, nz))
    scaled *= exact.density.mean() / scaled.mean()
    return float(np.abs(scaled - exact.density).mean() / exact.density.mean())


def row(*values: Any) -> None:
    """Print a row; the energy comes in Ha per atom."""
    *front, cpu_s, off, error = values
    words = [*map(str, front), f"{cpu_s:.2f}", f"{MEV_PER_HARTREE * off:.4f}", f"{error:.1e}"]
    sys.stdout.write("\t".join(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
