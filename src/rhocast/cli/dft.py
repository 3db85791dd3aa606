"""Verbs that run the DFT engine: ``aimd``, ``scf``, ``harris-foulkes``.

They are serial themselves and launch the engine's ranks.
"""

import argparse
import json
import logging
import resource
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rhocast import config
from rhocast.cli.engine_options import (
    add_engine_options,
    add_settings_options,
    engine_of,
    json_object,
    launcher_of,
    pseudopotentials_of,
    sections_of,
    validated,
    workdir_of,
)
from rhocast.cli.job import emit
from rhocast.cli.numbers import MOST_ION_KELVIN, MOST_SEED, number_in, whole_in
from rhocast.cli.samples import add_samples_option, open_samples
from rhocast.cli.source_options import add_source_options, sources_of
from rhocast.density import Density, Snapshot, read_density, write_snapshot
from rhocast.dynamics import write_trajectory
from rhocast.engines import (
    compute_snapshot,
    harris_foulkes,
    run_aimd,
)
from rhocast.engines.kept_energies import KeptEnergies
from rhocast.errors import ConfigError
from rhocast.properties.energy_samples import EnergySamples
from rhocast.structures import displace, read_structure
from rhocast.workflow.stamps import STAMP, with_stamp

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verbs."""
    verb = verbs.add_parser("aimd")
    _add_common(verb, "dft, aimd, material")
    verb.add_argument(
        "--frames",
        type=whole_in(1, 100_000),
        required=True,
        help="number of frames to be taken from the run",
    )
    verb.add_argument(
        "--seed",
        type=whole_in(0, MOST_SEED),
        default=0,
        help="seed of start and velocities (default: 0)",
    )
    verb.set_defaults(run=_aimd)

    verb = verbs.add_parser("scf")
    _add_common(verb, "dft, material")
    _add_name(verb, "OUTPUT")
    verb.add_argument(
        "--start-density",
        type=Path,
        metavar="FILE",
        help="density to begin from: snapshot file, predicted field, or file of another program "
        "(cube, CHGCAR, DEN.nc …); scaled to the electrons. One of the same cell with atoms in "
        "other places, such as another snapshot's, is warned of (default: superposed atoms)",
    )
    _add_waves(verb)
    add_source_options(verb)
    verb.add_argument(
        "--compare-start",
        action="store_true",
        help="run the SCF cycle from superposed atoms, too, and report what the given density "
        "saves",
    )
    verb.set_defaults(run=_scf)

    verb = verbs.add_parser("harris-foulkes")
    _add_input(verb, "dft, material")
    _add_name(verb, "DENSITY")
    verb.add_argument(
        "--density",
        required=True,
        type=Path,
        metavar="FILE",
        help="snapshot file, predicted field, or file of another program; scaled to the electrons",
    )
    add_samples_option(verb, "at each of which the energy is computed, too, for its error bar")
    _add_waves(verb)
    add_source_options(verb)
    verb.add_argument("--json", action="store_true", help="print one JSON object")
    verb.set_defaults(run=_harris_foulkes)


def _add_common(verb: argparse.ArgumentParser, sections: str) -> None:
    _add_input(verb, sections)
    verb.add_argument("-o", "--output", required=True, type=Path, help="file to write")
    verb.add_argument(
        "--temperature-K",
        type=number_in(0, MOST_ION_KELVIN, "K"),
        required=True,
        help="temperature of the ions, K",
    )
    verb.add_argument(
        "--determined-by",
        type=json_object,
        help="JSON that the file keeps: keys of a campaign's configuration that determine it",
    )


def _add_waves(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--waves",
        type=Path,
        metavar="FOLDER",
        help="folder that keeps wave functions from one snapshot of a cell to the next (ABINIT "
        "only): those in it are the start if they are of the same cell and settings, and they are "
        "replaced at the end",
    )


def _add_input(verb: argparse.ArgumentParser, sections: str) -> None:
    verb.add_argument("structure", type=Path, help="any file that ASE reads")
    add_settings_options(verb, sections)
    add_engine_options(verb)


def _add_name(verb: argparse.ArgumentParser, path: str) -> None:
    verb.add_argument(
        "--name",
        help="snapshot whose shift of the k-mesh is drawn, where dft.kpoint_shift is random "
        f"(default: the last two folders and the stem of {path}, such as al32/300K/0)",
    )


def _aimd(options: argparse.Namespace) -> None:
    sections = sections_of(options)
    material = validated(config.Material, sections, "material")
    dft = validated(config.Dft, sections, "dft")
    structure = displace(
        read_structure(options.structure),
        options.temperature_K,
        material.debye_temperature_K,
        np.random.default_rng(config.seed_for(options.seed, "displacements")),
    )
    structure.check_distances(str(options.structure))
    trajectory = run_aimd(
        engine_of(options, dft),
        structure,
        dft,
        validated(config.Aimd, sections, "aimd"),
        pseudopotentials_of(options, sections, dft),
        temperature_K=options.temperature_K,
        frames=options.frames,
        seed=options.seed,
        launcher=launcher_of(options),
        workdir=workdir_of(options.output),
    )
    if options.determined_by is not None:
        trajectory = with_stamp(trajectory, options.determined_by, frames=options.frames)
    write_trajectory(options.output, trajectory)
    log.info(
        "%s: %d steps, mean temperature %.0f K",
        options.output,
        len(trajectory) - 1,
        trajectory.temperatures_K.mean(),
    )


def _scf(options: argparse.Namespace) -> None:
    given = None
    if options.start_density:
        given = read_density(*sources_of(options, options.start_density)[0])
    if options.compare_start and given is None:
        raise ConfigError("--compare-start: expected --start-density FILE to compare with")
    before = _cpu_seconds()
    snapshot = _snapshot(options, given, options.waves)
    log.info(
        "%s: %d SCF iterations, energy %.8f Ha, k-points %s; %.0f s of CPU time, %.0f s of wall "
        "time with %d ranks of %d threads",
        options.output,
        snapshot.record["scf_iterations"],
        snapshot.energy_ha,
        snapshot.kpoints,
        _cpu_seconds() - before,
        snapshot.record["wall_time_s"],
        snapshot.record["ranks"],
        snapshot.record["threads"],
    )
    if options.compare_start:
        usual = _snapshot(options, None, None)
        log.info(
            "%s: %d iterations in %.0f s from %s, %d in %.0f s from superposed atoms",
            options.output,
            snapshot.record["scf_iterations"],
            snapshot.record["wall_time_s"],
            options.start_density,
            usual.record["scf_iterations"],
            usual.record["wall_time_s"],
        )
        iterations = {"scf_iterations_from_atoms": usual.record["scf_iterations"]}
        snapshot = replace(snapshot, record={**snapshot.record, **iterations})
    if options.determined_by is not None:
        stamp = {STAMP: json.dumps(options.determined_by)}
        snapshot = replace(snapshot, record={**snapshot.record, **stamp})
    write_snapshot(options.output, snapshot)
    log.info("%s: %s %s", options.output, snapshot.status, snapshot.reason)


def _cpu_seconds() -> float:
    """Return what the programs that this one has started, and their ranks here, have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _snapshot(options: argparse.Namespace, start: Density | None, waves: Path | None) -> Snapshot:
    sections = sections_of(options)
    dft = validated(config.Dft, sections, "dft")
    return compute_snapshot(
        engine_of(options, dft),
        read_structure(options.structure),
        dft,
        pseudopotentials_of(options, sections, dft),
        temperature_K=options.temperature_K,
        launcher=launcher_of(options),
        workdir=workdir_of(options.output),
        start=start,
        waves=waves,
        kpoint_seed=_kpoint_seed(options, options.output),
    )


def _harris_foulkes(options: argparse.Namespace) -> None:
    sections = sections_of(options)
    dft = validated(config.Dft, sections, "dft")
    if options.samples and options.waves:
        raise ConfigError(
            "--samples: found beside --waves, expected without, so that all begin alike"
        )
    structure = read_structure(options.structure)
    source, *sources = sources_of(options, options.density, *options.samples)
    samples = open_samples(sources, structure)
    # Beside a snapshot may lie the folder of the single point that made it.
    workdir, compute = workdir_of(options.density.with_suffix(".harris-foulkes")), harris_foulkes
    if options.samples:  # several energies: a run that is interrupted goes on
        kept = workdir_of(options.density.with_suffix(".harris-foulkes-samples"))
        workdir, compute = kept / "run", KeptEnergies(kept / "energies.json").harris_foulkes
    at_density = partial(
        compute,
        engine_of(options, dft),
        structure,
        dft=dft,
        pseudopotentials=pseudopotentials_of(options, sections, dft),
        launcher=launcher_of(options),
        workdir=workdir,
        waves=options.waves,
        kpoint_seed=_kpoint_seed(options, options.density),
    )
    found = at_density(read_density(*source))
    told = asdict(found) | {"energy_ha_per_atom": found.energy_ha / found.n_atoms}
    if options.samples:
        energies = [at_density(sample) for sample in samples]
        told |= EnergySamples.of(energies, found).figures
    emit(told, options.json)


def _kpoint_seed(options: argparse.Namespace, path: Path) -> int | None:
    """Return the seed of a drawn shift of the k-mesh: as the JSON tells, or by the name."""
    if options.settings is not None:
        if options.name is not None:
            raise ConfigError(
                "--name: found beside --settings, whose kpoint_seed draws the shift of the "
                "k-mesh; expected with --config, whose seed and the name draw it"
            )
        seed: int | None = options.settings.get("kpoint_seed")
        return seed
    name = options.name or "/".join(path.absolute().with_suffix("").parts[-3:])
    return config.load_config(options.config).kpoint_seed(name)
