"""Which cell is large enough to transfer to (the paper's Supplementary Fig. 5).

Densities and features of successive cell sizes are compared as distributions, temperature by
temperature, at the same volume per atom. The distance is Wasserstein's, in one dimension; of the
features the mean over all of them, each in units of its spread. Two halves of the frames of *one*
size show what distance means nothing. A size is large enough if the next one lies no further from
it than `MAX_RATIO` times that.

Distances between sizes are those between such halves too: both hold the same noise.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from scipy.stats import wasserstein_distance

from rhocast import config, descriptors
from rhocast.analysis.picture import new_figure, save_figure
from rhocast.datasets.entry import trajectory_of
from rhocast.density import read_snapshot
from rhocast.density.density import MESH_FIELDS
from rhocast.errors import StructureError
from rhocast.grid import Mesh
from rhocast.hdf5 import open_hdf5
from rhocast.structures import Structure, read_structure
from rhocast.structures.structure_file import HDF5_SUFFIXES

log = logging.getLogger(__name__)

#: A size is large enough if the next one lies this many times as far away as its own other half.
MAX_RATIO = 1.5
#: Volumes per atom that are so close, relatively, are the same.
VOLUME_TOLERANCE = 0.01
#: Of the mesh that features are compared on, Bohr. Random points would bring a noise of their own.
SPACING_BOHR = 1.0

#: Values (p, d) of every frame of a half, put together.
Values = np.ndarray


@dataclass(frozen=True)
class Frame:
    """One configuration of a cell.

    Attributes
    ----------
    path
        Its file; the folder that it lies in names the temperature.
    structure
        The atoms.
    density : (p, 1) array or None
        At all mesh points, e/Bohr³; None where it has not been computed.
    """

    path: Path
    structure: Structure
    density: Values | None

    @classmethod
    def read(cls, path: Path) -> "Frame | None":
        """Read a snapshot file, or the atoms alone of any other; None if it was rejected."""
        if not _holds_density(path):
            return cls(path, read_structure(path), None)
        snapshot = read_snapshot(path)
        if not snapshot.accepted:
            log.warning("%s is left out: rejected, %s", path, snapshot.reason)
            return None
        return cls(path, snapshot.structure, snapshot.density.reshape(-1, 1))


@dataclass(frozen=True)
class Row:
    """Two successive sizes compared.

    Attributes
    ----------
    atoms, next_atoms
        Of the two cells.
    quantity
        ``features`` or ``density``.
    temperatures
        That both have been computed at, each volume counted on its own.
    distance
        Between the sizes; densities in e/Bohr³, features in units of their spread.
    noise
        Between halves of one size.
    ratio
        Of the two.
    """

    atoms: int
    next_atoms: int
    quantity: str
    temperatures: int
    distance: float
    noise: float
    ratio: float


def compare_cells(
    paths: Sequence[Path], descriptor: config.Descriptor, species: Sequence[str]
) -> list[Row]:
    """Compare successive cell sizes.

    Parameters
    ----------
    paths
        Snapshot files, or structures alone where no density is to be compared, of two sizes or
        more: ``…/{system}/{T}K/{frame}``.
    descriptor, species
        What features are.

    Raises
    ------
    StructureError
        If no two successive sizes share a temperature and a volume per atom with two frames or
        more of each.
    """
    frames = [frame for path in paths if (frame := Frame.read(path)) is not None]
    maker = descriptors.make(descriptor, tuple(species))

    def features(frame: Frame) -> Values:
        mesh = Mesh.with_spacing(frame.structure.cell, SPACING_BOHR)
        return maker.bind(frame.structure)(mesh.points(np.arange(mesh.n_points)))

    rows = _rows("features", _halves(frames, features))
    rows += _rows("density", _halves(frames, lambda frame: frame.density))
    if not rows:
        raise StructureError(
            "expected cells of two sizes, two frames of each at one temperature (the name of the "
            "folder) and volume per atom, found "
            + ", ".join(sorted({_told(frame) for frame in frames}))
        )
    return rows


def _told(frame: Frame) -> str:
    atoms = len(frame.structure)
    volume = frame.structure.volume / atoms
    return f"{atoms} atoms at {frame.path.parent.name}, {volume:.1f} Bohr³ an atom"


def first_large_enough(rows: Sequence[Row]) -> int | None:
    """Return the atoms of the smallest size that the next one differs from in nothing."""
    for atoms in sorted({row.atoms for row in rows}):
        if all(row.ratio <= MAX_RATIO for row in rows if row.atoms == atoms):
            return atoms
    return None


def _holds_density(path: Path) -> bool:
    if path.suffix not in HDF5_SUFFIXES:
        return False
    with open_hdf5(path, "give files that can be read", virtual=MESH_FIELDS) as file:
        return "density" in file


def _halves(
    frames: Sequence[Frame], values: Callable[[Frame], Values | None]
) -> dict[int, dict[str, tuple[Values, Values]]]:
    """Divide what frames of each size, temperature and volume hold in two, by trajectory at best.

    Frames without values are left out.
    """
    groups: dict[tuple[int, str], list[tuple[str, Values]]] = defaultdict(list)
    volumes: list[float] = []
    for frame in frames:
        if (found := values(frame)) is not None:
            atoms = len(frame.structure)
            volume = _known(frame.structure.volume / atoms, volumes)
            state = f"{frame.path.parent.name}, {volume:.1f} Bohr³ an atom"
            groups[atoms, state].append((trajectory_of(frame.path), found))
    halves: dict[int, dict[str, tuple[Values, Values]]] = defaultdict(dict)
    for (atoms, state), group in sorted(groups.items(), key=lambda item: item[0]):
        if len(group) < 2:
            log.warning("%d atoms, %s: a single frame cannot be divided into halves", atoms, state)
            continue
        names = list(dict.fromkeys(name for name, _ in group))
        first = names[: len(names) // 2]
        chosen = [name in first for name, _ in group]
        if not first:  # a single trajectory: its first frames and its last
            chosen = [number < len(group) // 2 for number in range(len(group))]
        one, other = (
            np.concatenate([v for (_, v), c in zip(group, chosen, strict=True) if c == side])
            for side in (True, False)
        )
        halves[atoms][state] = one, other
    return halves


def _known(volume: float, volumes: list[float]) -> float:
    """Return a volume that is the same to `VOLUME_TOLERANCE`; a new one is listed."""
    for known in volumes:
        if abs(volume - known) <= VOLUME_TOLERANCE * known:
            return known
    volumes.append(volume)
    return volume


def _rows(quantity: str, halves: Mapping[int, Mapping[str, tuple[Values, Values]]]) -> list[Row]:
    rows = []
    for atoms, larger in pairwise(sorted(halves)):
        common = sorted(halves[atoms].keys() & halves[larger].keys())
        if not common:
            log.warning("%d and %d atoms have no temperature and volume in common", atoms, larger)
            continue
        apart = [_distances(halves[atoms][t], halves[larger][t], quantity) for t in common]
        distance, noise = np.mean(apart, axis=0).tolist()
        rows.append(Row(atoms, larger, quantity, len(common), distance, noise, distance / noise))
    return rows


def _distances(
    small: tuple[Values, Values], large: tuple[Values, Values], quantity: str
) -> tuple[float, float]:
    """Mean distance between halves of two sizes, and between halves of the same size."""
    unit = np.ones(1)
    if quantity == "features":
        spread = np.concatenate(small).std(axis=0)
        unit = np.where(spread > 1e-6, spread, np.inf)  # what is constant says nothing
    across = [_distance(a, b, unit) for a, b in product(small, large)]
    within = [_distance(*pair, unit) for pair in (small, large)]
    return float(np.mean(across)), float(np.mean(within))


def _distance(one: Values, other: Values, unit: np.ndarray) -> float:
    columns = zip(one.T, other.T, unit, strict=True)
    return float(np.mean([wasserstein_distance(a, b) / u for a, b, u in columns]))


def draw_cells(rows: Sequence[Row], picture: str | Path) -> None:
    """Draw distance over noise for successive sizes, with the criterion.

    Parameters
    ----------
    rows
        Of `compare_cells`.
    picture
        PNG to write.
    """
    figure = new_figure(5.2, 3.8)
    axes = figure.subplots()
    pairs = list(dict.fromkeys((row.atoms, row.next_atoms) for row in rows))
    for quantity, marker, colour in (("features", "o", "#3b6ea5"), ("density", "s", "#c0392b")):
        shown = {(r.atoms, r.next_atoms): r.ratio for r in rows if r.quantity == quantity}
        places = [place for place, pair in enumerate(pairs) if pair in shown]
        axes.plot(
            places, [shown[pairs[p]] for p in places], f"{marker}-", color=colour, label=quantity
        )
    axes.axhline(MAX_RATIO, color="0.4", linestyle="--", linewidth=0.9)
    axes.axhline(1.0, color="0.7", linewidth=0.8)
    axes.set_xticks(range(len(pairs)), [f"{a} → {b}" for a, b in pairs])
    axes.set(
        xlabel="atoms",
        ylabel="distance / distance of halves",
        ylim=(0.0, None),
        xlim=(-0.5, len(pairs) - 0.5),
    )
    enough = first_large_enough(rows)
    axes.set_title(
        f"large enough: {enough} atoms" if enough else "none of these sizes is large enough",
        fontsize=10,
    )
    axes.legend(frameon=False)
    save_figure(figure, picture)
