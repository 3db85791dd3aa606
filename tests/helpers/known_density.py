"""Snapshots with a density that is known: overlapping Gaussians, quick to learn."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

from rhocast import config
from rhocast.density import Snapshot, write_snapshot
from rhocast.grid import Mesh
from rhocast.structures import Structure, periodic_images

DESCRIPTOR = config.SortedDescriptor(
    cutoff_bohr=8.0, distances=6, angle_atoms=2, angle_neighbours=2
)
VALENCE = {"Al": 3.0}
WIDTHS_BOHR = {13: 2.0, 14: 1.6, 32: 1.8}
RECORD = {
    "engine": "abinit",
    "engine_version": "10.0",
    "functional": "pbe",
    "cutoff_ha": 15.0,
    "mesh_spacing_bohr": 0.6,
    "psp8_Al_sha256": "a1",
}


def gaussian_density(structure: Structure, shape: tuple[int, int, int], charge: float):
    mesh = Mesh(shape, structure.cell)
    points = mesh.points(np.arange(mesh.n_points))
    images, indices = periodic_images(structure, 9.0)
    density = np.zeros(mesh.n_points)
    for position, number in zip(images, structure.numbers[indices], strict=True):
        width = WIDTHS_BOHR[number]
        square = ((points - position) ** 2).sum(axis=1)
        density += np.exp(-0.5 * square / width**2) * charge / (2.0 * np.pi * width**2) ** 1.5
    return density.reshape(shape).astype(np.float32)


def make_snapshot(atoms: Atoms | None = None, seed: int = 0, charge: float = 3.0, **changes):
    atoms = bulk("Al", cubic=True) if atoms is None else atoms.copy()
    atoms.rattle(0.1, seed=seed)
    structure = Structure.from_ase(atoms)
    values = {
        "structure": structure,
        "density": gaussian_density(structure, (11, 12, 13), charge),
        "forces": np.zeros((len(structure), 3)),
        "energy_ha": -2.0 * len(structure),
        "n_electrons": 3.0 * len(structure),
        "temperature_K": 300.0 + seed,
        "kpoints": "2 2 2 shift 0 0 0",
        "record": RECORD,
    }
    return Snapshot(**(values | changes))


def write_dataset(folder: Path) -> list[Path]:
    """Write four snapshots: two trajectories of two frames."""
    paths = []
    for number in range(4):
        path = folder / "al4" / f"{300 + 100 * (number // 2)}K" / f"{number % 2}.h5"
        write_snapshot(path, make_snapshot(seed=number))
        paths.append(path)
    return paths
