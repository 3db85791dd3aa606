"""More k-points for a snapshot: the difference of two cheaper densities is added to it."""

import json
from typing import Any

import numpy as np

from rhocast.datasets.entry import core_hours_of
from rhocast.density import Snapshot
from rhocast.density.difference import on_mesh
from rhocast.density.zero_bound import Bound
from rhocast.errors import FileFormatError

#: Attributes in which the two cheaper densities must agree, so that their difference is that of
#: the k-points; beside them the hashes of the pseudopotentials.
_ALIKE = ("engine", "engine_version", "functional", "smearing", "smearing_K", "cutoff_ha")
#: Attributes in which they must agree with the snapshot.
_AS_SNAPSHOT = ("functional", "smearing", "smearing_K")
#: What the file keeps of each.
_KEPT = (*_ALIKE, "engine_mesh", "scf_tolerance", "settings")
#: What holds of the snapshot as it was computed, but not as it is corrected.
_OF_THE_RUN = ("determined_by", "kpoint_seed", "attributes_checksum")


def correct_kpoints(snapshot: Snapshot, finer: Snapshot, same: Snapshot) -> Snapshot:
    """Return ρ + ρ_finer − ρ_same: a snapshot with the k-points of ``finer``.

    The difference of two k-meshes hardly depends on the cutoff, so that both may be computed with a
    low one. Energy and forces are corrected alike. Values below zero are set to zero, and the
    density is scaled to its electrons.

    Parameters
    ----------
    snapshot
        The density to correct, e/Bohr³, on its own mesh.
    finer, same
        Densities of the same atoms, computed alike but for the k-points: those wanted, and those of
        the snapshot. They are interpolated to its mesh.

    Raises
    ------
    StructureError
        If atoms or cells differ.
    FileFormatError
        If one was rejected or corrected before, or another setting than the k-points differs.
    """
    for one in (snapshot, finer, same):
        one.check_atoms(snapshot.structure)
        if not one.accepted:
            raise FileFormatError(f"{one.source}: was rejected ({one.reason}), expected accepted")
        if "kpoint_correction" in one.record:
            raise FileFormatError(f"{one.source}: has been corrected before; take the original")
    hashes = tuple(f"psp8_{symbol}_sha256" for symbol in snapshot.structure.species)
    _expect_alike(finer, same, (*_ALIKE, *hashes))
    _expect_alike(snapshot, same, (*_AS_SNAPSHOT, *hashes))
    if same.kpoints != snapshot.kpoints:
        raise FileFormatError(
            f"{same.source}: k-points {same.kpoints}, expected {snapshot.kpoints}, those of "
            f"{snapshot.source}"
        )
    shape = snapshot.mesh.shape
    density = snapshot.density.astype(float)
    density += on_mesh(finer, shape).density - on_mesh(same, shape).density
    Bound.put_on(density)
    density *= snapshot.n_electrons / snapshot.mesh.integral(density)
    return Snapshot(
        structure=snapshot.structure,
        density=density.astype(np.float32),
        forces=snapshot.forces + finer.forces - same.forces,
        energy_ha=snapshot.energy_ha + finer.energy_ha - same.energy_ha,
        n_electrons=snapshot.n_electrons,
        temperature_K=snapshot.temperature_K,
        kpoints=finer.kpoints,
        record=_record(snapshot, finer, same),
    )


def _expect_alike(one: Snapshot, other: Snapshot, keys: tuple[str, ...]) -> None:
    for key in keys:
        own, found = (each.record.get(key, "not recorded") for each in (one, other))
        if own != found:
            raise FileFormatError(
                f"{other.source}: {key} is {found}, expected {own} as in {one.source}: their "
                "difference must be that of the k-points alone"
            )


def _record(snapshot: Snapshot, finer: Snapshot, same: Snapshot) -> dict[str, Any]:
    """Return the snapshot's record, how it was corrected, and the cost of all three."""
    record = {key: value for key, value in snapshot.record.items() if key not in _OF_THE_RUN}
    hours = sum(core_hours_of(each.record) for each in (snapshot, finer, same))
    cores = int(record.get("ranks", 1)) * int(record.get("threads", 1))
    record |= {"wall_time_s": 3600.0 * hours / cores, "core_hours": hours}
    if "kpoint_seed" in finer.record:
        record["kpoint_seed"] = finer.record["kpoint_seed"]
    kept = {
        name: {"kpoints": one.kpoints}
        | {key: one.record[key] for key in _KEPT if key in one.record}
        for name, one in (("plus", finer), ("minus", same))
    }
    return record | {"kpoint_correction": json.dumps(kept, default=float)}
