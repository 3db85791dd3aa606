"""A campaign whose data are densities that another program has computed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rhocast.datasets.importing import import_density
from rhocast.density import Snapshot, write_snapshot
from rhocast.drafting import choices
from rhocast.drafting.draft import LARGE_CELL_ATOMS
from rhocast.drafting.pseudopotentials import pseudopotential_lines
from rhocast.drafting.templates import counts, template
from rhocast.engines import Psp8
from rhocast.errors import ConfigError

#: Share of the runs that are held out to judge by.
_HELD_OUT = 0.2


@dataclass(frozen=True)
class Run:
    """Densities of one folder, taken for frames of one trajectory.

    Attributes
    ----------
    name
        Of the system in the configuration.
    files
        What holds the densities.
    """

    name: str
    files: tuple[Path, ...]


def find_runs(files: Sequence[Path]) -> list[Run]:
    """Sort densities by the folders that they lie in.

    Raises
    ------
    ConfigError
        If they lie in one folder: none could be held out to judge by.
    """
    folders = sorted({path.absolute().parent for path in files})
    if len(folders) < 2:
        raise ConfigError(
            f"--from-densities: expected densities of two runs or more, each in a folder of its "
            f"own, one of them to judge by; found {len(files)} in "
            f"{folders[0] if folders else 'no folder'}"
        )
    width = len(str(len(folders)))
    return [
        Run(
            f"{re.sub(r'[^A-Za-z0-9_-]', '-', folder.name)}-{number:0{width}d}",
            tuple(sorted(path for path in files if path.absolute().parent == folder)),
        )
        for number, folder in enumerate(folders, 1)
    ]


def import_runs(
    runs: Sequence[Run], results: Path, temperature_K: int, pseudopotentials: Mapping[str, Psp8]
) -> Snapshot:
    """Write the densities as snapshot files where a campaign looks for them; return the first.

    Raises
    ------
    FileFormatError
        If one cannot be read, or its electrons are not those of its atoms.
    """
    first = None
    for run in runs:
        for number, file in enumerate(run.files):
            path = results / "densities" / run.name / f"{temperature_K}K" / f"{number}.h5"
            snapshot = import_density(
                file, temperature_K=temperature_K, pseudopotentials=pseudopotentials
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            write_snapshot(path, snapshot)
            first = first or snapshot
    assert first is not None  # there are runs
    return first


def draft_imported(
    runs: Sequence[Run],
    first: Snapshot,
    own: str,
    temperature_K: int,
    pseudopotentials: Mapping[str, tuple[str, Psp8]],
) -> str:
    """Write the configuration of a campaign that learns from imported densities as YAML.

    Parameters
    ----------
    runs
        What has been imported.
    first
        The first density: the cell to predict is made of its atoms.
    own
        Name of the file that the text will be written to.
    temperature_K
        Of the ions.
    pseudopotentials
        By element, as in `rhocast.drafting.Material`.
    """
    structure = first.structure
    held_out = max(1, round(_HELD_OUT * len(runs)))
    files = {element: file for element, (_, file) in pseudopotentials.items()}
    cutoff = choices.cutoff_ha(files, structure.counts)
    folder = f"results/{choices.name_of(structure)}/densities"
    systems = [f"  {run.name}: {{file: {folder}/{run.name}/{temperature_K}K/0.h5}}" for run in runs]
    sources = [
        f"    - {{system: {run.name}, sampler: imported, temperatures_K: [{temperature_K}], "
        f"frames: {len(run.files)}}}"
        for run in runs
    ]
    return template("imported").substitute(
        own=own,
        name=choices.name_of(structure),
        pseudopotentials="\n".join(pseudopotential_lines(pseudopotentials)),
        systems="\n".join(systems),
        crystal=f"{folder}/{runs[0].name}/{temperature_K}K/0.h5",
        huge=counts(choices.supercell(structure, LARGE_CELL_ATOMS)),
        mesh=round(float(first.mesh.spacing.max()), 3),
        cutoff=f"{cutoff.value:g}",
        training="\n".join(sources[:-held_out]),
        test="\n".join(sources[-held_out:]),
    )
