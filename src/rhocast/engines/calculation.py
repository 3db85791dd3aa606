"""What is to be calculated, in numbers that every engine is given alike."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rhocast import config
from rhocast.engines.psp8 import Psp8
from rhocast.errors import EngineError
from rhocast.grid import Mesh
from rhocast.grid.kpoints import KMesh, kpoint_mesh
from rhocast.structures import Structure

#: Engines' keys of the number of bands, in small letters; where one is given, it is left alone.
BAND_KEYS = frozenset({"nband", "nstates"})

#: Bands of another attempt, where the highest band was occupied, over those of the one before.
_MORE_BANDS = 1.5


@dataclass(frozen=True)
class Calculation:
    """Kohn-Sham DFT of one cell.

    Attributes
    ----------
    structure
        Atoms in a right-handed cell.
    dft
        Settings.
    pseudopotentials
        By element; those of the structure and no others, in order of atomic number.
    kpoints
        Mesh of k-points.
    mesh
        Mesh that the density is wanted on.
    n_electrons
        Valence electrons.
    n_bands
        Bands to compute, empty ones included.
    """

    structure: Structure
    dft: config.Dft
    pseudopotentials: dict[str, Psp8]
    kpoints: KMesh
    mesh: Mesh
    n_electrons: float
    n_bands: int

    @classmethod
    def plan(
        cls,
        structure: Structure,
        dft: config.Dft,
        pseudopotentials: Mapping[str, Psp8],
        kpoint_seed: int | None = None,
        *,
        kpoints: KMesh | None = None,
    ) -> "Calculation":
        """Work out meshes, electrons and bands for a structure in a right-handed cell.

        The k-mesh is the one that is given, else that of the settings; ``kpoint_seed`` draws its
        shift where ``dft.kpoint_shift`` says so.

        Raises
        ------
        EngineError
            If an element has no pseudopotential.
        ConfigError
            If the shift of the k-mesh is to be drawn and there is no seed.
        """
        missing = [element for element in structure.species if element not in pseudopotentials]
        if missing:
            raise EngineError(
                f"material.pseudopotentials: expected an entry for {', '.join(missing)}, found "
                f"{', '.join(sorted(pseudopotentials)) or 'none'}"
            )
        files = {element: pseudopotentials[element] for element in structure.species}
        electrons = structure.count_electrons(
            {element: file.valence for element, file in files.items()}
        )
        return cls(
            structure=structure,
            dft=dft,
            pseudopotentials=files,
            kpoints=kpoints
            or kpoint_mesh(
                structure.cell, dft.kpoint_spacing_per_bohr, dft.kpoint_shift, kpoint_seed
            ),
            mesh=Mesh.with_spacing(structure.cell, dft.mesh_spacing_bohr),
            n_electrons=electrons,
            n_bands=band_count(electrons),
        )

    def with_more_bands(self, engine: str) -> "Calculation | None":
        """Return the same with half as many bands again; None where an engine's keys set them."""
        if BAND_KEYS & set(map(str.lower, self.dft.engine_keys(engine))):
            return None
        return replace(self, n_bands=more_bands(self.n_bands))

    @property
    def record(self) -> dict[str, float | int | str]:
        """Attributes of the snapshot file that describe the settings."""
        record: dict[str, float | int | str] = {
            "functional": self.dft.functional,
            "mesh_spacing_bohr": float(self.mesh.spacing.max()),
            "smearing": "fermi-dirac",
            "smearing_K": self.dft.smearing_K,
            "scf_tolerance": self.dft.scf_tolerance,
            "n_bands": self.n_bands,
        }
        for element, file in self.pseudopotentials.items():
            record[f"psp8_{element}"] = file.name
            record[f"psp8_{element}_sha256"] = file.sha256
        return record


def band_count(n_electrons: float) -> int:
    """Return how many bands hold the electrons: a tenth more than are full, at least four more.

    Engines may add to it; whether it was enough is seen from the occupation of the highest band.
    """
    occupied = n_electrons / 2.0
    return math.ceil(max(1.1 * occupied, occupied + 4.0))


def more_bands(n_bands: int) -> int:
    """Return how many bands to compute where the highest of some was occupied."""
    return math.ceil(_MORE_BANDS * n_bands)


def dynamics_settings(dft: config.Dft, aimd: config.Aimd) -> config.Dft:
    """Return the settings of the dynamics' steps: those of single points, but for ``aimd``'s."""
    own = {
        "scf_tolerance": aimd.scf_tolerance,
        "cutoff_ha": aimd.cutoff_ha,
        "mesh_spacing_bohr": aimd.mesh_spacing_bohr,
        "kpoint_spacing_per_bohr": aimd.kpoint_spacing_per_bohr,
        "kpoint_shift": aimd.kpoint_shift,
    }
    return dft.model_copy(update={key: value for key, value in own.items() if value is not None})


def dynamics_kpoint_seed(seed: int) -> int:
    """Return the seed of a drawn shift of the k-mesh: one for all steps of a run, from its seed."""
    return config.seed_for(seed, "kpoints")


def right_handed(structure: Structure) -> tuple[Structure, tuple[int, int, int]]:
    """Swap two lattice vectors of a left-handed cell, which engines refuse.

    Returns
    -------
    structure
        The same crystal in a right-handed cell.
    axes
        For `numpy.transpose`: takes an array on the new cell's mesh to the given cell's.
    """
    if np.linalg.det(structure.cell) > 0.0:
        return structure, (0, 1, 2)
    return replace(structure, cell=structure.cell[[1, 0, 2]]), (1, 0, 2)
