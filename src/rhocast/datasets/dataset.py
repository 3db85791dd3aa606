"""A dataset is a list of snapshot files: what is wrong with it, and how it is split."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from rhocast.datasets.entry import Entry, read_entry
from rhocast.dynamics.trajectory import canonical_spread_K
from rhocast.engines.gates import MAX_TEMPERATURE_DEVIATIONS
from rhocast.errors import ConfigError, FileFormatError

#: Entries of `Snapshot.record` that must be the same throughout a dataset; beside them the hashes
#: of the pseudopotentials. Mesh and k-points are not among them: they follow from the cell.
PROVENANCE = ("engine", "engine_version", "functional", "smearing", "smearing_K", "cutoff_ha")

#: ∫ρ may differ from the electron count by this share; imported text files lose some digits.
MAX_ELECTRON_ERROR = 1e-4

#: How k-points are told, if they are.
_KPOINTS = re.compile(r"unknown|[1-9]\d*( [1-9]\d*){2}( shift( -?\d+(\.\d*)?(e-?\d+)?){3})?")

#: Cells whose lengths agree to this share (strain of ±5 %) are of one crystal and k-mesh.
_SAME_CELL = 0.06


def check_files(
    paths: Sequence[str | Path], max_rejected_share: float = 0.0
) -> tuple[list[Entry], list[str]]:
    """Read snapshot files and say what is wrong with each and with them together.

    Parameters
    ----------
    paths
        Snapshot files.
    max_rejected_share
        Share of them that may be rejected.

    Returns
    -------
    entries
        Those that could be read.
    faults
        What is wrong, a sentence each; empty for a sound dataset.
    """
    entries, damaged = [], []
    for path in paths:
        try:
            entries.append(read_entry(path))
        except FileFormatError as error:
            damaged.append(str(error))
    return entries, [*damaged, *faults(entries, max_rejected_share)]


def faults(entries: Sequence[Entry], max_rejected_share: float = 0.0) -> list[str]:
    """Say what is wrong with snapshots of one dataset: each by itself, and all together."""
    accepted = [entry for entry in entries if entry.accepted]
    rejected = [entry for entry in entries if not entry.accepted]
    found = []
    if len(rejected) > max_rejected_share * len(entries):
        found += [f"{entry.path}: rejected, {entry.reason}" for entry in rejected]
    for entry in accepted:
        found += _faults_of_one(entry)
    return [
        *found,
        *_mixed_settings(accepted),
        *_mixed_kpoints(accepted),
        *_shared_shifts(accepted),
        *_mixed_valence(accepted),
        *_mixed_crystals(accepted),
        *_duplicates(accepted),
    ]


def _faults_of_one(entry: Entry) -> Iterator[str]:
    if not abs(entry.integral - entry.n_electrons) <= MAX_ELECTRON_ERROR * entry.n_electrons:
        yield (
            f"{entry.path}: the density integrates to {entry.integral:.6g} electrons, expected "
            f"{entry.n_electrons:g}"
        )
    if entry.misplaced:
        yield f"{entry.path}: {entry.misplaced}"
    if not _KPOINTS.fullmatch(entry.kpoints):
        yield (
            f"{entry.path}: k-points {entry.kpoints!r}, expected such as 3 3 3 shift 0 0 0, or "
            "unknown"
        )
    if not 0.0 <= entry.temperature_K < np.inf:
        yield f"{entry.path}: temperature {entry.temperature_K:g} K, expected 0 or above"
        return
    folder = re.fullmatch(r"(\d+)K", entry.path.absolute().parent.name)
    if folder is None:
        return
    target = float(folder[1])
    spread = canonical_spread_K(target, len(entry.structure))
    if not abs(entry.temperature_K - target) <= MAX_TEMPERATURE_DEVIATIONS * spread:
        yield (
            f"{entry.path}: temperature {entry.temperature_K:g} K, expected {target:g} ± "
            f"{spread:.0f} K as the folder says"
        )


def _mixed_settings(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield what differs from the first file; what is not recorded equals itself alone."""
    seen: dict[str, tuple[Any, Path]] = {}
    for entry in entries:
        hashes = [f"psp8_{symbol}_sha256" for symbol in entry.structure.species]
        for key in [*PROVENANCE, "scf_tolerance", *hashes]:
            value = entry.record.get(key, "not recorded")
            expected, first = seen.setdefault(key, (value, entry.path))
            if value != expected:
                yield f"{entry.path}: {key} is {value}, but {expected} in {first}"


def _mixed_kpoints(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield cells that are sampled otherwise than one of nearly their size."""
    seen: list[Entry] = []
    for entry in entries:
        alike = [known for known in seen if _same_cell(known, entry)]
        if not alike:
            seen.append(entry)
        elif alike[0].kpoint_setting != entry.kpoint_setting:
            yield (
                f"{entry.path}: k-points {entry.kpoint_setting}, but {alike[0].kpoint_setting} in "
                f"{alike[0].path}, whose cell is of that size"
            )


def _shared_shifts(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield the files whose drawn shift is that of another file, so that errors are shared."""
    seen: dict[str, Path] = {}
    for entry in entries:
        if not entry.kpoint_setting.endswith(" shift random"):
            continue
        first = seen.setdefault(entry.kpoints, entry.path)
        if first != entry.path:
            yield (
                f"{entry.path}: k-points {entry.kpoints}, the same drawn shift as {first}; "
                "expected a shift of its own for each snapshot, drawn from its name"
            )


def _mixed_crystals(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield the files whose cell or atoms are not those of their trajectory's first one."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        first = seen.setdefault(entry.trajectory, entry)
        one, other = first.structure, entry.structure
        if one.counts != other.counts or not _same_cell(first, entry):
            what = "in another cell" if one.counts == other.counts else f"not {one.formula}"
            yield (
                f"{entry.path}: {other.formula}, {what} as {first.path}, but in the folder of the "
                f"same trajectory, {entry.trajectory}; give each crystal a folder of its own"
            )


def _same_cell(one: Entry, other: Entry) -> bool:
    """Say whether two cells have the same lengths, but for strain."""
    a, b = (np.linalg.norm(entry.structure.cell, axis=1) for entry in (one, other))
    return bool(np.allclose(a, b, rtol=_SAME_CELL))


def _mixed_valence(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield the files whose electrons no valence common to all of them explains."""
    if not entries:
        return
    elements = sorted({number for entry in entries for number in entry.structure.numbers.tolist()})
    counts = np.array([[np.sum(e.structure.numbers == z) for z in elements] for e in entries])
    electrons = np.array([entry.n_electrons for entry in entries])
    valence = np.linalg.lstsq(counts, electrons, rcond=None)[0]
    fit = ", ".join(
        f"{chemical_symbols[z]} {v:.3f}" for z, v in zip(elements, valence, strict=True)
    )
    for entry, expected in zip(entries, counts @ valence, strict=True):
        if abs(entry.n_electrons - expected) > 1e-3:
            yield (
                f"{entry.path}: {entry.n_electrons:g} electrons for {entry.structure.formula}; no "
                f"valence fits all files (best: {fit})"
            )


def _duplicates(entries: Sequence[Entry]) -> Iterator[str]:
    seen: dict[str, Path] = {}
    for entry in entries:
        first = seen.setdefault(entry.configuration, entry.path)
        if first != entry.path:
            yield f"{entry.path}: the same configuration as {first}"


def split_entries(
    entries: Sequence[Entry], share: float, rng: np.random.Generator
) -> tuple[list[Entry], list[Entry]]:
    """Divide the accepted snapshots by trajectory, because frames of one are correlated.

    Parameters
    ----------
    entries
        Snapshots.
    share
        Of the trajectories to hold back, at least one.
    rng
        Draws them.

    Returns
    -------
    training, held_back
        In the order given.

    Raises
    ------
    ConfigError
        If there is but one trajectory, or one configuration lies in two of them.
    """
    accepted = [entry for entry in entries if entry.accepted]
    names = sorted({entry.trajectory for entry in accepted})
    if len(names) < 2:
        raise ConfigError(
            f"expected snapshots of two trajectories or more, found {len(names)} "
            f"({', '.join(names) or 'none accepted'}); frames of one trajectory are "
            "correlated, so no part of them can test what was learnt from the rest"
        )
    if shared := list(_duplicates(accepted)):
        raise ConfigError(f"take one of each pair out first: {'; '.join(shared)}")
    count = min(max(1, round(share * len(names))), len(names) - 1)
    chosen = set(rng.choice(names, count, replace=False).tolist())
    return (
        [entry for entry in accepted if entry.trajectory not in chosen],
        [entry for entry in accepted if entry.trajectory in chosen],
    )
