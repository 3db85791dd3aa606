"""What an ABINIT run begins from: a given density, and wave functions of another snapshot."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.engines.abinit.input import electronic_variables
from rhocast.engines.abinit.process import open_netcdf, run_abinit
from rhocast.engines.attempts import fingerprint
from rhocast.engines.calculation import Calculation
from rhocast.engines.given_density import fitted
from rhocast.engines.process import Launcher
from rhocast.files import replacing
from rhocast.grid.kpoints import KMesh
from rhocast.structures import Structure

#: Files that ABINIT writes of a run: density, wave functions.
DENSITY, WAVES = "runo_DEN.nc", "runo_WFK.nc"

#: Names of the files that a run begins from, in its own folder.
_START_DENSITY, _START_WAVES = "start_DEN.nc", "start_WFK.nc"

#: Variables of ``dft.abinit`` that determine the mesh of the density.
_MESH_KEYS = ("boxcutmin", "ngfft")

#: Variables that say where the atoms are and when to stop; wave functions may serve others.
_OWN_OF_A_RUN = ("xcart", "nstep", "tolvrs")


@dataclass(frozen=True)
class KeptStart:
    """A folder that keeps what later runs of the same cell can begin from.

    It holds wave functions, a density file whose header ABINIT accepts, and what determines both.
    Files of another calculation count as absent, and are replaced.

    Attributes
    ----------
    folder
        The folder; made when something is kept.
    mark
        Fingerprint of the cell, the elements and the settings.
    """

    folder: Path
    mark: str

    @classmethod
    def of(cls, folder: Path, executable: str, calculation: Calculation, ranks: int) -> "KeptStart":
        """Return the folder as seen by a calculation."""
        variables = electronic_variables(calculation, ranks)
        files = calculation.pseudopotentials
        determinants = {
            "program": executable,
            "variables": {
                name: np.asarray(value).tolist()
                for name, value in variables.items()
                if name not in _OWN_OF_A_RUN
            },
            "keys": calculation.dft.engine_keys("abinit"),
            "pseudopotentials": {element: file.sha256 for element, file in files.items()},
        }
        return cls(folder.absolute(), fingerprint(determinants))

    @property
    def waves(self) -> Path | None:
        """File of wave functions of the same cell; None if there is none."""
        return self._file("waves.nc")

    @property
    def header(self) -> Path | None:
        """File of a density of the same cell; None if there is none."""
        return self._file("density.nc")

    def keep(self, workdir: Path, header: Path) -> None:
        """Keep a density file and, where there are any that ABINIT can read, the wave functions.

        Where ranks share the bands of a k-point, ABINIT 9.6 writes wave functions by MPI-IO
        whatever ``iomode`` says, and does not read them with the ``iomode`` of netCDF files.
        """
        mark = self.folder / "determined-by.sha256"
        mark.unlink(missing_ok=True)  # a kill in between leaves nothing that counts
        (self.folder / "waves.nc").unlink(missing_ok=True)
        for source, name in ((workdir / WAVES, "waves.nc"), (header, "density.nc")):
            if source == header or source.is_file():
                with replacing(self.folder / name) as partial:
                    shutil.copyfile(source, partial)
        mark.write_text(self.mark + "\n", encoding="ascii")

    def _file(self, name: str) -> Path | None:
        mark, file = self.folder / "determined-by.sha256", self.folder / name
        same = mark.is_file() and mark.read_text(encoding="ascii").strip() == self.mark
        return file if same and file.is_file() else None


def begin_from_density(
    density: np.ndarray,
    calculation: Calculation,
    executable: str,
    launcher: Launcher,
    workdir: Path,
    kept: KeptStart | None = None,
) -> dict[str, Any]:
    """Write a density for ABINIT to begin from; return the variable that names the file.

    Parameters
    ----------
    density : (nx, ny, nz) array
        e/Bohr³ on any mesh of the cell; it is scaled to the electrons.
    calculation
        What is to be computed.
    executable, launcher
        The program and how to start it, for the header.
    workdir
        Folder of the run.
    kept
        Where a file with a header may be already.
    """
    file = workdir / _START_DENSITY
    header = kept.header if kept else None
    shutil.copyfile(header or write_header(calculation, executable, launcher, workdir), file)
    with open_netcdf(file, "r+") as stored:
        nz, ny, nx = stored["density"].shape[1:4]
        given = fitted(density, (nx, ny, nz), calculation)
        stored["density"][0, ..., 0] = given.transpose(2, 1, 0)
    return {"getden_filepath": f'"{file.name}"'}


def begin_from_waves(kept: KeptStart, workdir: Path) -> dict[str, Any]:
    """Lay kept wave functions into the folder of a run; return the variables that read them."""
    if kept.waves is None:
        return {}
    (workdir / _START_WAVES).symlink_to(kept.waves)
    return {"getwfk_filepath": f'"{_START_WAVES}"'}


def write_header(
    calculation: Calculation, executable: str, launcher: Launcher, workdir: Path
) -> Path:
    """Let ABINIT write a density file of the cell, the elements and the mesh; return its path.

    ABINIT reads a density only behind a header of its own. Of the header it compares the cell, the
    elements and the mesh; atoms, k-points and bands may be others. So one atom of each element at
    Γ suffices, without any iteration.
    """
    folder = workdir / "header"
    folder.mkdir()
    structure = calculation.structure
    _, first = np.unique(structure.numbers, return_index=True)
    few = Structure(structure.positions[first], structure.cell, structure.numbers[first])
    keys = calculation.dft.engine_keys("abinit")
    mesh_keys = {key: value for key, value in keys.items() if key.lower() in _MESH_KEYS}
    dft = calculation.dft.model_copy(update={"abinit": mesh_keys})
    single = Calculation.plan(few, dft, calculation.pseudopotentials, kpoints=KMesh((1, 1, 1)))
    variables: Mapping[str, Any] = electronic_variables(single, ranks=1)
    run_abinit(
        executable,
        single,
        {**variables, "nstep": 0, "prtden": 1},
        launcher.with_ranks(1),
        folder,
    )
    return folder / DENSITY
