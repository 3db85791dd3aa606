"""Drawing mesh points from the snapshots of a dataset."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from rhocast import config, descriptors
from rhocast.datasets.dataset import PROVENANCE
from rhocast.density import Snapshot, read_snapshot
from rhocast.errors import FileFormatError, ModelError
from rhocast.grid.closest_pairs import closest_pairs
from rhocast.grid.kpoints import spacing_of
from rhocast.learning.baseline import baseline_sums
from rhocast.learning.feature_file import SnapshotRecord, file_sha256
from rhocast.learning.feature_writer import create_features

#: Pairs of elements that come closer than this have their shortest distance recorded, Bohr.
_PAIRS_BOHR = 12.0

_log = logging.getLogger(__name__)


def sample_features(
    path: str | Path,
    snapshot_paths: Sequence[str | Path],
    *,
    descriptor: config.Descriptor,
    baseline: config.Baseline | None = None,
    valence: Mapping[str, float],
    points_per_snapshot: int,
    seed: int,
    groups: Sequence[str] | None = None,
    max_rejected_share: float = 0.0,
) -> None:
    """Draw mesh points from snapshots and write a feature file.

    Points are drawn uniformly and without replacement, from each snapshot with a seed of its own:
    more snapshots leave the points of the others as they are. Snapshots are taken in the order of
    trajectories and names, however they are given; rejected ones are left out.

    Parameters
    ----------
    path
        The feature file to write.
    snapshot_paths
        Snapshot files.
    descriptor
        What to compute at the points.
    baseline
        Pseudo-atoms, whose functions are summed up at the points; None for a network that learns
        the whole density.
    valence
        Valence electrons of each element of the material. The descriptor has a block for each, in
        order of atomic number, whether or not it occurs in these snapshots.
    points_per_snapshot
        From each; all of them where a mesh has fewer.
    seed
        Of the draw.
    groups
        Trajectory of each snapshot; by default the last two folders of its path.
    max_rejected_share
        Share of the snapshots that may be rejected.

    Raises
    ------
    FileFormatError
        If a snapshot file is damaged or its electrons are not those of its atoms, too many are
        rejected, none is accepted, or engines or pseudopotentials are mixed.
    ModelError
        If a snapshot holds an element that is not among those of ``valence``.
    """
    given = [Path(source) for source in snapshot_paths]
    groups = groups or ["/".join(source.parts[-3:-1]) for source in given]
    ordered = sorted(
        zip(groups, given, strict=True), key=lambda each: (each[0], each[1].name, each)
    )
    groups, sources = [group for group, _ in ordered], [source for _, source in ordered]
    valence = {
        symbol: valence[symbol] for symbol in sorted(valence, key=atomic_numbers.__getitem__)
    }
    maker = descriptors.make(descriptor, tuple(valence))
    counts, provenance = _look_through(sources, valence, max_rejected_share)
    n_points = sum(min(count, points_per_snapshot) for count in counts)
    with create_features(path, n_points) as writer:
        for source, group, count in zip(sources, groups, counts, strict=True):
            if count == 0:
                continue
            snapshot = read_snapshot(source)
            rng = np.random.default_rng(config.seed_for(seed, group, source.name))
            indices = _draw(count, points_per_snapshot, rng)
            points = snapshot.mesh.points(indices)
            features = maker.bind(snapshot.structure)(points)
            target = snapshot.density.reshape(-1)[indices]
            sums = None
            if baseline is not None:
                sums = baseline_sums(snapshot.structure, points, baseline, tuple(valence))
            writer.append(_record(source, group, snapshot), features, target, sums)
            _log.info("%s: %d points", source, len(indices))
        writer.describe(descriptor, baseline, valence, provenance)


def _look_through(
    sources: Sequence[Path], valence: Mapping[str, float], max_rejected_share: float
) -> tuple[list[int], dict[str, object]]:
    """Check all snapshots before anything is computed.

    Returns
    -------
    counts
        Mesh points of each snapshot; none of those that were rejected.
    provenance
        What they have in common.
    """
    counts = []
    provenance: dict[str, tuple[object, Path]] = {}
    for source in sources:
        snapshot = read_snapshot(source)
        if snapshot.accepted:
            _check_provenance(source, snapshot, provenance)
            _check_electrons(source, snapshot, valence)
        else:
            _log.warning("%s is left out: rejected, %s", source, snapshot.reason)
        counts.append(snapshot.mesh.n_points if snapshot.accepted else 0)
    rejected = [source for source, count in zip(sources, counts, strict=True) if count == 0]
    _check_rejected(rejected, len(sources), max_rejected_share)
    return counts, {key: value for key, (value, _) in provenance.items()}


def _draw(n_points: int, wanted: int, rng: np.random.Generator) -> np.ndarray:
    """Draw flat mesh indices, in rising order so that neighbouring points follow each other."""
    return np.sort(rng.choice(n_points, min(wanted, n_points), replace=False))


def _record(source: Path, group: str, snapshot: Snapshot) -> SnapshotRecord:
    structure = snapshot.structure
    return SnapshotRecord(
        source="/".join(source.parts[-3:]),
        group=group,
        temperature_K=snapshot.temperature_K,
        formula=structure.formula,
        n_atoms=len(structure),
        volume_per_atom_bohr3=structure.volume / len(structure),
        sha256=file_sha256(source),
        kpoints=snapshot.kpoints,
        kpoint_spacing_per_bohr=spacing_of(snapshot.kpoints, structure.cell),
        closest_bohr={
            name: round(distance, 4)
            for name, (distance, _) in closest_pairs(structure, _PAIRS_BOHR).items()
        },
    )


def _check_provenance(
    source: Path, snapshot: Snapshot, seen: dict[str, tuple[object, Path]]
) -> None:
    """Compare with the snapshots before; what is new is entered into ``seen``.

    What another program has not recorded equals itself alone: nothing vouches for a mixture.
    """
    keys = [*PROVENANCE, *(f"psp8_{symbol}_sha256" for symbol in snapshot.structure.species)]
    for key in keys:
        value = snapshot.record.get(key, "not recorded")
        expected, first = seen.setdefault(key, (value, source))
        if value != expected:
            raise FileFormatError(
                f"{source}: {key} is {value}, but {expected} in {first}; densities of different "
                "settings make no dataset: compute one of them again"
            )


def _check_electrons(source: Path, snapshot: Snapshot, valence: Mapping[str, float]) -> None:
    if unknown := sorted(set(snapshot.structure.species) - set(valence)):
        raise ModelError(
            f"{source}: the snapshot holds {', '.join(unknown)}, expected {', '.join(valence)}; "
            "add the element to material.pseudopotentials or take the snapshot out"
        )
    expected = snapshot.structure.count_electrons(valence)
    if abs(snapshot.n_electrons - expected) > 1e-3:
        raise FileFormatError(
            f"{source}: n_electrons is {snapshot.n_electrons:g}, the pseudopotentials give "
            f"{expected:g} for {snapshot.structure.formula}; compute it with the pseudopotentials "
            "of the config"
        )


def _check_rejected(rejected: list[Path], total: int, max_share: float) -> None:
    if total == len(rejected):
        raise FileFormatError(
            f"expected at least one accepted snapshot, found {total} of which all are rejected; "
            "their attribute `reason` says why"
        )
    if len(rejected) > max_share * total:
        names = ", ".join(str(path) for path in rejected)
        raise FileFormatError(
            f"{len(rejected)} of {total} snapshots are rejected ({names}), expected at most a "
            f"share of {max_share} (features.max_rejected_share); their attribute `reason` says why"
        )
