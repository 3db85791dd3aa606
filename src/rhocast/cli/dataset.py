"""Verbs on snapshot files: ``import`` makes them, ``dataset`` lists, checks, splits and packs."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.cli.job import emit
from rhocast.cli.numbers import MOST_ION_KELVIN, MOST_SEED, number_in, whole_in
from rhocast.config import load_config
from rhocast.datasets.dataset import check_files, split_entries
from rhocast.datasets.entry import Entry, find_snapshots, read_entry
from rhocast.datasets.importing import ELECTRON_TOLERANCE, import_density
from rhocast.datasets.kpoint_correction import correct_kpoints
from rhocast.datasets.packing import MANIFEST, check_manifest, pack
from rhocast.density import read_snapshot, write_snapshot
from rhocast.density.difference import difference
from rhocast.density.formats import READABLE
from rhocast.engines.psp8 import resolve_pseudopotentials
from rhocast.errors import ConfigError, FileFormatError
from rhocast.files import replacing

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verbs."""
    _add_import(verbs)
    verb = verbs.add_parser("dataset")
    actions = verb.add_subparsers(title="actions", metavar="ACTION", required=True)

    action = actions.add_parser("list", help="print a line for each snapshot")
    _add_paths(action)
    action.add_argument("--json", action="store_true", help="one JSON object on standard output")
    action.set_defaults(run=_list)

    action = actions.add_parser(
        "check",
        help="look for damage, mixed settings, wrong electron counts, duplicates, wrong "
        "temperatures and rejected snapshots",
    )
    _add_paths(action)
    action.add_argument(
        "--max-rejected-share",
        type=number_in(0, 1),
        default=0.0,
        help="share of snapshots that may be rejected (default: 0)",
    )
    action.set_defaults(run=_check)

    action = actions.add_parser(
        "split",
        help="divide by trajectory into training.txt and held-out.txt",
        description="Divide accepted snapshots by trajectory. The lists hold a path a line; other "
        "verbs take @training.txt in place of the files.",
    )
    _add_paths(action)
    action.add_argument("-o", "--output", required=True, type=Path, help="folder to write to")
    action.add_argument(
        "--share",
        type=number_in(0, 1),
        default=0.2,
        help="share of the trajectories to hold out (default: 0.2)",
    )
    action.add_argument(
        "--seed", type=whole_in(0, MOST_SEED), default=0, help="seed of the draw (default: 0)"
    )
    action.set_defaults(run=_split, writes_folder=True)

    action = actions.add_parser(
        "correct-kpoints",
        help="add the difference of two cheaper densities, of more and of the same k-points",
        description="Add to a snapshot the difference of two densities of the same atoms, "
        "computed alike but for the k-points: those wanted, and those of the snapshot. The "
        "difference hardly depends on the cutoff, which may be low. Energy and forces are "
        "corrected, too.",
    )
    action.add_argument("snapshot", type=Path, help="snapshot file to correct")
    action.add_argument(
        "--plus", required=True, type=Path, metavar="FILE", help="snapshot file of more k-points"
    )
    action.add_argument(
        "--minus",
        required=True,
        type=Path,
        metavar="FILE",
        help="snapshot file with the k-points of the one to correct",
    )
    action.add_argument("-o", "--output", required=True, type=Path, help="snapshot file to write")
    action.set_defaults(run=_correct_kpoints)

    action = actions.add_parser(
        "pack", help="copy what has been computed so far into a folder, to be published"
    )
    action.add_argument("package", help="key of `packages` in the configuration")
    action.add_argument("-o", "--output", type=Path, help="folder (default: data/PACKAGE)")
    action.add_argument("--config", default=Path("config.yaml"), type=Path, help="configuration")
    action.set_defaults(run=_pack, writes_folder=True)


def _add_import(verbs: Any) -> None:
    verb = verbs.add_parser("import")
    verb.add_argument("density", type=Path, help="another program's density")
    verb.add_argument("-o", "--output", required=True, type=Path, help="snapshot file to write")
    verb.add_argument(
        "--temperature-K",
        type=number_in(0, MOST_ION_KELVIN, "K"),
        required=True,
        help="temperature of the ions, K",
    )
    verb.add_argument("--format", choices=READABLE, help="file format (default: from its name)")
    verb.add_argument(
        "--density-unit",
        choices=("bohr", "angstrom"),
        help="unit of a cube's or XSF's values: electrons per cubic Bohr (default for cube) or "
        "ångström (default for XSF)",
    )
    electrons = verb.add_mutually_exclusive_group()
    electrons.add_argument(
        "--valence",
        nargs="+",
        metavar="Al=3",
        help="number of valence electrons of each element, with which the density is checked",
    )
    electrons.add_argument(
        "--psp8", nargs="+", metavar="Al=FILE", help="psp8 files that it was computed with, or spms"
    )
    verb.add_argument(
        "--kpoints", help="k-mesh, such as '3 3 3 shift 0 0 0' (default: that of the file)"
    )
    verb.add_argument(
        "--electron-tolerance",
        type=number_in(0, 1),
        default=ELECTRON_TOLERANCE,
        help="largest relative error of the electron count (default: 1e-4)",
    )
    verb.add_argument(
        "--charge",
        type=number_in(-1_000_000, 1_000_000, "e"),
        default=0.0,
        help="charge of the cell, e: electrons that it lacks (default: 0)",
    )
    verb.set_defaults(run=_import)


def _add_paths(action: argparse.ArgumentParser) -> None:
    action.add_argument("paths", nargs="+", type=Path, help="snapshot files, or folders of them")


def _import(options: argparse.Namespace) -> None:
    try:
        valence = {key: float(value) for key, value in _pairs(options.valence, "--valence").items()}
    except ValueError as error:
        raise ConfigError(f"--valence: expected numbers such as Al=3 ({error})") from None
    snapshot = import_density(
        options.density,
        temperature_K=options.temperature_K,
        format=options.format,
        density_unit=options.density_unit,
        valence=valence,
        pseudopotentials=resolve_pseudopotentials(_pairs(options.psp8, "--psp8"), where="--psp8"),
        kpoints=options.kpoints,
        electron_tolerance=options.electron_tolerance,
        charge=options.charge,
    )
    write_snapshot(options.output, snapshot)
    log.info(
        "%s: %s, mesh %s, %g electrons",
        options.output,
        snapshot.structure.formula,
        "×".join(map(str, snapshot.mesh.shape)),
        snapshot.n_electrons,
    )


def _pairs(words: Sequence[str] | None, option: str) -> dict[str, str]:
    pairs = dict(word.partition("=")[::2] for word in words or ())
    if "" in pairs.values():
        raise ConfigError(f"{option}: expected ELEMENT=VALUE, found {' '.join(words or ())}")
    return pairs


def _list(options: argparse.Namespace) -> None:
    entries = [read_entry(path) for path in find_snapshots(options.paths)]
    if options.json:
        emit({str(entry.path): _row(entry) for entry in entries}, as_json=True)
        return
    rows = [{"file": str(entry.path), **_row(entry)} for entry in entries]
    lines = [list(rows[0]), *([_shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _row(entry: Entry) -> dict[str, Any]:
    """Return what the table tells of a snapshot; None where the file does not."""
    hours = entry.core_hours
    return {
        "trajectory": entry.trajectory,
        "temperature_K": entry.temperature_K,
        "formula": entry.structure.formula,
        "mesh": "×".join(map(str, entry.mesh)),
        "kpoints": entry.kpoints,
        "engine": entry.record.get("engine"),
        "functional": entry.record.get("functional"),
        "scf_tolerance": entry.record.get("scf_tolerance"),
        "status": entry.status,
        "core_hours": hours if np.isfinite(hours) else None,
    }


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


def _check(options: argparse.Namespace) -> None:
    paths = find_snapshots(options.paths)
    entries, found = check_files(paths, options.max_rejected_share)
    for folder in options.paths:
        if (folder / MANIFEST).is_file():
            found += check_manifest(folder)
    for fault in found:
        log.error("%s", fault)
    if found:
        raise FileFormatError(f"{len(found)} faults in {len(paths)} snapshot files, see above")
    log.info("%d snapshots of %d trajectories: no fault", len(entries), _n_trajectories(entries))


def _n_trajectories(entries: Sequence[Entry]) -> int:
    return len({entry.trajectory for entry in entries})


def _split(options: argparse.Namespace) -> None:
    entries = [read_entry(path) for path in find_snapshots(options.paths)]
    parts = split_entries(entries, options.share, np.random.default_rng(options.seed))
    for name, part in zip(("training", "held-out"), parts, strict=True):
        path = options.output / f"{name}.txt"
        with replacing(path) as partial:
            partial.write_text("".join(f"{entry.path}\n" for entry in part), encoding="utf-8")
        log.info("%s: %d snapshots of %d trajectories", path, len(part), _n_trajectories(part))


def _correct_kpoints(options: argparse.Namespace) -> None:
    snapshot, finer, same = map(read_snapshot, (options.snapshot, options.plus, options.minus))
    corrected = correct_kpoints(snapshot, finer, same)
    write_snapshot(options.output, corrected)
    log.info(
        "%s: k-points %s instead of %s, which move %.2f %% of the electrons",
        options.output,
        corrected.kpoints,
        snapshot.kpoints,
        100.0 * difference(snapshot, corrected).nmae,
    )


def _pack(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    if options.package not in config.packages:
        raise ConfigError(
            f"{options.config}: packages: expected one of {', '.join(config.packages) or 'none'}, "
            f"found {options.package}"
        )
    package = config.packages[options.package]
    densities = Path(config.results) / "densities"
    pack(
        options.output or Path("data") / options.package,
        {
            name: [densities / f"{snapshot}.h5" for snapshot in config.snapshots(name)]
            for name in package.datasets
        },
        package,
        config_file=str(options.config),
    )
