"""ABINIT's ``DEN.nc``: (component, z, y, x, real part), e/Bohr³."""

from pathlib import Path

import numpy as np
from ase.data import chemical_symbols
from netCDF4 import Dataset

from rhocast.density.density import Density
from rhocast.errors import FileFormatError
from rhocast.grid.kpoints import KMesh
from rhocast.structures import Structure
from rhocast.units import HARTREE_PER_KELVIN

_NETCDF = (b"CDF", b"\x89HDF")


def read(path: Path) -> Density:
    """Read the density of the ground state; of two spins the total."""
    with path.open("rb") as file:
        if not file.read(4).startswith(_NETCDF):
            raise FileFormatError(
                "is no netCDF file; if it is ABINIT's binary density, have ABINIT write netCDF "
                "with `iomode 3`"
            )
    with Dataset(path) as file:
        density = np.array(file["density"][...])
        if density.shape[-1] != 1:
            raise FileFormatError("holds a complex density, expected that of the ground state")
        notes = ["spin-polarised: the total density is taken"] if len(density) > 1 else []
        if int(file["usepaw"][...]):
            notes.append(
                "PAW: near the nuclei not the density of norm-conserving pseudopotentials; keep "
                "the two apart"
            )
        cell = np.array(file["primitive_vectors"][...])
        kinds = np.array(file["atom_species"][...]) - 1
        numbers = np.array(file["atomic_numbers"][...]).round().astype(int)
        charges = np.array(file["valence_charges"][...]).tolist()
        return Density(
            Structure(np.array(file["reduced_atom_positions"][...]) @ cell, cell, numbers[kinds]),
            density[0, ..., 0].transpose(2, 1, 0),
            valence={chemical_symbols[z]: c for z, c in zip(numbers, charges, strict=True)},
            record=_record(file),
            notes=tuple(notes),
        )


def _kpoints(file: Dataset) -> str | None:
    lattice, shifts = np.array(file["kptrlatt"][...]), np.array(file["shiftk"][...])
    if len(shifts) != 1 or np.count_nonzero(lattice - np.diag(np.diag(lattice))):
        return None
    n1, n2, n3 = np.diag(lattice).tolist()
    s1, s2, s3 = shifts[0].tolist()
    return str(KMesh((n1, n2, n3), (s1, s2, s3)))


def _record(file: Dataset) -> dict[str, float | int | str]:
    record: dict[str, float | int | str] = {
        "engine": "abinit",
        "engine_version": str(file.abinit_version),
        "cutoff_ha": float(file["kinetic_energy_cutoff"][...]),
        "energy_Ha": float(file["etot"][...]),
    }
    if kpoints := _kpoints(file):
        record["kpoints"] = kpoints
    if int(file["ixc"][...]) in (11, -101130):
        record["functional"] = "pbe"
    if int(file["occopt"][...]) == 3:
        record["smearing"] = "fermi-dirac"
        record["smearing_K"] = round(float(file["tsmear"][...]) / HARTREE_PER_KELVIN, 6)
    return record
