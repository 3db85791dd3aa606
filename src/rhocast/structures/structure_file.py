"""Files of structures: HDF5 for cells of any size, and whatever ASE reads."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast.checksums import check_attributes, read_checked, seal_attributes, seal_dataset
from rhocast.errors import FileFormatError, StructureError
from rhocast.fields import DENSITY_FIELDS, STRUCTURE_FIELDS
from rhocast.files import replacing
from rhocast.hdf5 import open_hdf5, plain, reading
from rhocast.structures.extended_xyz import SUFFIXES, note_open, read_extended_xyz
from rhocast.structures.frame_sums import check_frames, is_ours, seal_frames
from rhocast.structures.structure import Structure

#: Names that end so are HDF5; everything else is ASE's.
HDF5_SUFFIXES = (".h5", ".hdf5")

#: Where the record stands: an attribute of HDF5, a key of extended XYZ's comment line.
RECORD = "rhocast"

REMEDY = "make it or copy it again"


def read_structure(
    path: str | Path, format: str | None = None, species: Sequence[str] | None = None
) -> Structure:
    """Read the last structure of any file that ASE reads, or the atoms of an HDF5 file of ours.

    All HDF5 files of this program that hold atoms do: structures, snapshots, densities.

    Parameters
    ----------
    path
        The file.
    format
        ASE's name of its format; by default from name and content.
    species
        Chemical symbols of LAMMPS's types 1, 2, …

    Raises
    ------
    StructureError
        If the file cannot be read or holds no structure that a density can be computed for.
    """
    path = Path(path)
    try:
        if path.suffix.lower() in HDF5_SUFFIXES:
            structure = _read_hdf5(path)
        else:
            structure = _read_last(path, format, species)
    except StructureError as error:
        raise StructureError(f"{path}: {error}") from None
    structure.check_distances(str(path))
    return structure


def _read_last(path: Path, format: str | None, species: Sequence[str] | None) -> Structure:
    _check_frames(path)
    plain = read_extended_xyz(path) if format is None and species is None else None
    if plain is not None:
        return plain[-1]
    from rhocast.structures.foreign_file import read_images

    atoms = read_images(path, "-1:", format, species)[0]
    note_open(path, atoms.pbc.tolist())
    return Structure.from_ase(atoms, atoms.info.get(RECORD, {}))


def read_structures(name: str | Path) -> dict[int, Structure]:
    """Read all structures of a file, by their number in it.

    Parameters
    ----------
    name
        As in `read_structure`. Of a file that ASE reads, ``name@first:end:step`` takes some.

    Raises
    ------
    StructureError
        If the file cannot be read or holds a structure that no density can be computed for.
    """
    if Path(name).suffix.lower() in HDF5_SUFFIXES:
        return {0: read_structure(name)}
    _check_frames(Path(name))
    plain = read_extended_xyz(Path(name))
    if plain is not None:
        for number, structure in enumerate(plain):
            structure.check_distances(f"{name}, structure {number}")
        return dict(enumerate(plain))
    from ase.io.formats import parse_filename

    from rhocast.structures.foreign_file import read_images

    path, wanted = parse_filename(str(name))
    try:
        images = read_images(Path(path), ":")
        numbers = np.arange(len(images))[slice(None) if wanted is None else wanted]
        structures = {int(i): Structure.from_ase(images[i]) for i in np.atleast_1d(numbers)}
    except (StructureError, IndexError) as error:
        raise StructureError(f"{name}: {error}") from None
    for number, structure in structures.items():
        structure.check_distances(f"{path}, structure {number}")
    return structures


def _check_frames(path: Path) -> None:
    """Raise StructureError if a frame of ours is damaged; other programs' carry no checksum."""
    if path.suffix.lower() in SUFFIXES and path.is_file() and is_ours(path):
        try:
            check_frames(path, REMEDY)
        except FileFormatError as error:
            raise StructureError(str(error).removeprefix(f"{path}: ")) from error


def write_structure(path: str | Path, structure: Structure) -> None:
    """Write a structure with its record, beside first and then renamed.

    ``.h5`` and ``.hdf5`` become HDF5 (Bohr, to the last bit, 28 bytes an atom, read in a second
    for millions of atoms), any other name extended XYZ (Å).
    """
    path = Path(path)
    with replacing(path) as partial:
        if path.suffix in HDF5_SUFFIXES:
            _write_hdf5(partial, structure)
        else:
            import ase.io

            atoms = structure.to_ase()
            atoms.info = comment_entry(structure.record)
            ase.io.write(partial, atoms, format="extxyz")
            seal_frames(partial)


def comment_entry(record: Mapping[str, Any]) -> dict[str, str]:
    """Return a record as an entry for the comment line of extended XYZ: JSON, which ASE decodes.

    ASE undoes backslashes when it reads, but writes them for quotation marks alone.
    """
    text = json.dumps(dict(record), ensure_ascii=False).replace("\\", "\\\\")
    return {RECORD: f"_JSON {text}"} if record else {}


def _read_hdf5(path: Path) -> Structure:
    try:
        opened = open_hdf5(path, REMEDY, virtual=DENSITY_FIELDS.keys() - STRUCTURE_FIELDS)
    except FileFormatError as error:
        raise StructureError(str(error).removeprefix(f"{path}: ")) from error
    with opened as file, reading(path, REMEDY):
        missing = set(STRUCTURE_FIELDS) - set(file)
        if missing:
            raise StructureError(
                f"it lacks {', '.join(sorted(missing))}, it holds "
                f"{', '.join(sorted(file)) or 'nothing'}; expected a structure, snapshot or "
                "density file"
            )
        check_attributes(path, file, REMEDY)
        arrays = read_checked(path, file, STRUCTURE_FIELDS, REMEDY)
        record: dict[str, Any] = json.loads(plain(file.attrs.get(RECORD, "{}")))
    return Structure(**arrays, record=record)


def _write_hdf5(path: Path, structure: Structure) -> None:
    with h5py.File(path, "w", libver="v110") as file:
        for name, entry in STRUCTURE_FIELDS.items():
            file[name] = getattr(structure, name).astype(entry.dtype, copy=False)
            file[name].attrs["unit"] = entry.unit
            seal_dataset(file[name])
        file.attrs[RECORD] = json.dumps(dict(structure.record))
        seal_attributes(file)
