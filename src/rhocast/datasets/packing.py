"""Datasets made fit to publish: compressed copies, a manifest of all files, a card."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast import __version__, config
from rhocast.datasets.dataset import faults
from rhocast.datasets.entry import Entry, read_entry
from rhocast.errors import FileFormatError
from rhocast.files import replacing
from rhocast.hdf5 import open_hdf5

MANIFEST, CARD = "MANIFEST.json", "README.md"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Packed:
    """What `pack` has done.

    Attributes
    ----------
    n_files, n_bytes
        Of the snapshot files.
    missing
        Snapshots that have not been computed yet, ``{system}/{T}K/{i}.h5``.
    rejected
        Those that were left out, with the reason.
    """

    n_files: int
    n_bytes: int
    missing: tuple[str, ...]
    rejected: dict[str, str]


def pack(
    folder: str | Path,
    datasets: Mapping[str, Sequence[str | Path]],
    package: config.Package,
    config_file: str,
) -> Packed:
    """Copy the snapshot files of some datasets to a folder, compressed, with manifest and card.

    The densities stay what they are to the last bit. What has not been computed yet is left out
    and named; packing again later adds it.

    Parameters
    ----------
    folder
        Copies go to ``{system}/{T}K/{i}.h5`` below it.
    datasets
        Snapshot files, ``…/{system}/{T}K/{i}.h5``, by the name of the dataset.
    package
        Title, description, licence.
    config_file
        Configuration of the campaign, for the card.

    Raises
    ------
    FileFormatError
        If a snapshot file is damaged, the files do not make one dataset, or there is none.
    """
    folder = Path(folder)
    sources = {_name(path): Path(path) for paths in datasets.values() for path in paths}
    missing = tuple(name for name, path in sources.items() if not path.is_file())
    entries = {n: read_entry(path) for n, path in sources.items() if n not in missing}
    rejected = {name: entry.reason for name, entry in entries.items() if not entry.accepted}
    entries = {name: entry for name, entry in entries.items() if entry.accepted}
    if not entries:
        raise FileFormatError(f"{folder}: none of {len(sources)} snapshots is there and accepted")
    if wrong := faults(list(entries.values())):
        raise FileFormatError(f"{folder}: nothing is packed: {'; '.join(wrong)}")
    for name in entries:
        compress(sources[name], folder / name)
    manifest = _manifest(folder, datasets, entries, package) | {
        "missing": list(missing),
        "rejected": rejected,
    }
    _write(folder / CARD, _card(folder, manifest, entries, package, config_file))
    _write(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    packed = Packed(
        n_files=len(entries),
        n_bytes=sum(row["bytes"] for row in manifest["files"].values()),
        missing=missing,
        rejected=rejected,
    )
    _report(folder, packed)
    return packed


def _report(folder: Path, packed: Packed) -> None:
    logger.info("%s: %d snapshots, %.1f MB", folder, packed.n_files, packed.n_bytes / 1e6)
    if packed.missing:
        logger.warning("%s: not computed yet: %s", folder, ", ".join(packed.missing))
    for name, reason in packed.rejected.items():
        logger.warning("%s: %s is left out: rejected, %s", folder, name, reason)


def compress(source: str | Path, target: str | Path) -> None:
    """Copy a snapshot file with its density compressed, without loss, as one chunk.

    Takes a quarter off. Smaller chunks, HDF5's choice, take off a fifth.
    """
    with (
        open_hdf5(Path(source), "run the rule that makes it again") as old,
        replacing(target) as partial,
        h5py.File(partial, "w", libver="v110") as new,
    ):
        new.attrs.update(old.attrs)
        for name, dataset in old.items():
            options: dict[str, Any] = {}
            if name == "density":
                options = {"compression": "gzip", "compression_opts": 9, "shuffle": True}
                options["chunks"] = dataset.shape
            copy = new.create_dataset(name, data=dataset[()], **options)
            copy.attrs.update(dataset.attrs)


def check_manifest(folder: str | Path) -> list[str]:
    """Compare a package with its manifest and say what differs, a sentence each.

    Raises
    ------
    FileFormatError
        If the manifest cannot be read.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{path}: expected a manifest with the key `files` ({error}); pack the dataset again"
        ) from None
    found = []
    for name, row in files.items():
        if not (folder / name).is_file():
            found.append(f"{folder / name}: stands in the manifest, but is not there")
        elif _sha256(folder / name) != row["sha256"]:
            found.append(f"{folder / name}: is not the file of the manifest (SHA-256 differs)")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*.h5")}
    found += [f"{folder / name}: not in the manifest" for name in sorted(present - set(files))]
    return found


def _manifest(
    folder: Path,
    datasets: Mapping[str, Sequence[str | Path]],
    entries: Mapping[str, Entry],
    package: config.Package,
) -> dict[str, Any]:
    """Collect what all files have in common as ``settings``, and of each file the rest."""
    records = [entry.record for entry in entries.values()]
    settings = {
        key: value
        for key, value in records[0].items()
        if all(key in record and record[key] == value for record in records)
    }
    files = {
        name: {
            "sha256": _sha256(folder / name),
            "bytes": (folder / name).stat().st_size,
            "formula": entry.structure.formula,
            "temperature_K": entry.temperature_K,
            "mesh": " ".join(map(str, entry.mesh)),
            "kpoints": entry.kpoints,
            "n_electrons": entry.n_electrons,
            "energy_ha": entry.energy_ha if np.isfinite(entry.energy_ha) else None,
            **{key: value for key, value in entry.record.items() if key not in settings},
        }
        for name, entry in entries.items()
    }
    return {
        "title": package.title,
        "licence": package.licence,
        "packed_by": f"rhocast {__version__}",
        "datasets": {
            dataset: [name for name in map(_name, paths) if name in entries]
            for dataset, paths in datasets.items()
        },
        "settings": settings,
        "files": files,
    }


def _card(
    folder: Path,
    manifest: Mapping[str, Any],
    entries: Mapping[str, Entry],
    package: config.Package,
    config_file: str,
) -> str:
    reproduce = (
        f"snakemake data/{folder.name}/{MANIFEST} --force --profile profiles/local "
        f"--configfile {config_file}"
    )
    settings = [f"| {key} | {value} |" for key, value in sorted(manifest["settings"].items())]
    gaps = [f"- not computed yet: {', '.join(manifest['missing'])}"] if manifest["missing"] else []
    gaps += [f"- rejected: {name}, {reason}" for name, reason in manifest["rejected"].items()]
    parts = [
        f"# {package.title}",
        package.description.strip(),
        "## Contents",
        "\n".join(_contents(manifest["datasets"], entries)),
        *(["\n".join(gaps)] if gaps else []),
        "## Settings",
        "\n".join(["The same for every file.", "", "| | |", "|---|---|", *settings]),
        "## Files",
        "HDF5, `{system}/{T}K/{i}.h5`; arrays and attributes are described in `docs/formats.md`. "
        f"`{MANIFEST}` holds the SHA-256 and the cost of each, `rhocast dataset check` compares.",
        "## Making it again",
        f"```\n{reproduce}\n```",
        "## Licence",
        package.licence,
    ]
    return "\n\n".join(parts) + "\n"


def _contents(datasets: Mapping[str, Sequence[str]], entries: Mapping[str, Entry]) -> list[str]:
    """Lines of the table of trajectories."""
    lines = [
        "| dataset | trajectory | cell | snapshots | mesh | k-points | core-hours |",
        "|---|---|---|---|---|---|---|",
    ]
    for dataset, names in datasets.items():
        trajectories: dict[str, list[Entry]] = {}
        for name in names:
            trajectories.setdefault(entries[name].trajectory, []).append(entries[name])
        for trajectory, frames in trajectories.items():
            first = frames[0]
            lines.append(
                f"| {dataset} | {trajectory} | {first.structure.formula} | {len(frames)} | "
                f"{'×'.join(map(str, first.mesh))} | {first.kpoint_setting} | "
                f"{_cost(frames)} |"
            )
    return [*lines, f"| all | | | {len(entries)} | | | {_cost(list(entries.values()))} |"]


def _cost(entries: Sequence[Entry]) -> str:
    hours = sum(entry.core_hours for entry in entries)
    return f"{hours:.2f}" if np.isfinite(hours) else "not recorded"


def _name(path: str | Path) -> str:
    """Name of a snapshot file in the package: itself with its two folders."""
    return "/".join(Path(path).absolute().parts[-3:])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, text: str) -> None:
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
