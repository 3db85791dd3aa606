"""Verbs of the data stage: ``aimd``, ``scf``. They run serially and launch the engine's ranks."""

import argparse
import json
import logging
import shlex
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from rhocast import config
from rhocast.dft import (
    Engine,
    Launcher,
    compute_snapshot,
    make_engine,
    read_engine_record,
    resolve_engine,
    resolve_pseudopotentials,
    run_aimd,
    write_snapshot,
    write_trajectory,
)
from rhocast.errors import ConfigError
from rhocast.structures import displace, read_structure

log = logging.getLogger(__name__)

T = TypeVar("T", bound=config.Section)

#: Independent displacements of the Debye model hold 9/10 kT a degree of freedom (its mean square
#: frequency is 3/5 of ω_D²); at this share of the temperature they hold the kT/2 of a crystal.
POTENTIAL_SHARE = 5 / 9


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verbs."""
    verb = verbs.add_parser("aimd", help="molecular dynamics of a structure with the DFT engine")
    _add_common(verb, "dft, aimd, material")
    verb.add_argument("--frames", type=int, required=True, help="frames to be taken from the run")
    verb.add_argument("--seed", type=int, default=0, help="of start and velocities (default: 0)")
    verb.set_defaults(run=_aimd)

    verb = verbs.add_parser("scf", help="density of a structure with the DFT engine")
    _add_common(verb, "dft, material")
    verb.set_defaults(run=_scf)


def _add_common(verb: argparse.ArgumentParser, sections: str) -> None:
    verb.add_argument("structure", type=Path, help="any file that ASE reads")
    verb.add_argument("-o", "--output", required=True, type=Path, help="file to write")
    verb.add_argument("--temperature-K", type=float, required=True, help="of the ions, K")
    settings = verb.add_mutually_exclusive_group()
    settings.add_argument(
        "--config",
        default=Path("config.yaml"),
        type=Path,
        help=f"configuration; used: {sections} (default: config.yaml)",
    )
    settings.add_argument(
        "--settings", type=json.loads, help=f"instead: JSON with the sections {sections}"
    )
    verb.add_argument(
        "--engine", type=Path, help="engine.json of the workflow (default: as dft.engine says)"
    )
    verb.add_argument(
        "--launcher", default="", help="what starts the engine, such as 'mpirun -n 4'"
    )


def _aimd(options: argparse.Namespace) -> None:
    sections = _sections(options)
    material = sections["material"]
    dft = _validated(config.Dft, sections, "dft")
    structure = displace(
        read_structure(options.structure),
        POTENTIAL_SHARE * options.temperature_K,
        float(material["debye_temperature_K"]),
        np.random.default_rng(config.seed_for(options.seed, "displacements")),
    )
    structure.check_distances(str(options.structure))
    trajectory = run_aimd(
        _engine(options, dft),
        structure,
        dft,
        _validated(config.Aimd, sections, "aimd"),
        resolve_pseudopotentials(material["pseudopotentials"], dft.functional),
        temperature_K=options.temperature_K,
        frames=options.frames,
        seed=options.seed,
        launcher=Launcher(tuple(shlex.split(options.launcher))),
        workdir=_workdir(options.output),
    )
    write_trajectory(options.output, trajectory)
    log.info(
        "%s: %d steps, mean temperature %.0f K",
        options.output,
        len(trajectory) - 1,
        trajectory.temperatures_K.mean(),
    )


def _scf(options: argparse.Namespace) -> None:
    sections = _sections(options)
    dft = _validated(config.Dft, sections, "dft")
    snapshot = compute_snapshot(
        _engine(options, dft),
        read_structure(options.structure),
        dft,
        resolve_pseudopotentials(sections["material"]["pseudopotentials"], dft.functional),
        temperature_K=options.temperature_K,
        launcher=Launcher(tuple(shlex.split(options.launcher))),
        workdir=_workdir(options.output),
    )
    write_snapshot(options.output, snapshot)
    log.info("%s: %s %s", options.output, snapshot.status, snapshot.reason)


def _sections(options: argparse.Namespace) -> dict[str, Any]:
    """Return the sections of the configuration, from the JSON or the file that was given."""
    if options.settings is None:
        return config.load_config(options.config).model_dump()
    missing = {"dft", "material"} - set(options.settings)
    if missing:
        raise ConfigError(f"--settings: expected the sections dft and material, lacks {missing}")
    return options.settings


def _validated(section: type[T], sections: dict[str, Any], name: str) -> T:
    try:
        return section.model_validate(sections.get(name))
    except ValidationError as error:
        raise ConfigError(f"--settings: {name}: {error}") from None


def _engine(options: argparse.Namespace, dft: config.Dft) -> Engine:
    if options.engine is None:
        return make_engine(resolve_engine(dft.engine))
    return make_engine(read_engine_record(options.engine))


def _workdir(output: Path) -> Path:
    """Folder for the engine's files: beside the output, declared nowhere."""
    return output.with_name(output.name + ".work")
