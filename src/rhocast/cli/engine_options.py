"""Options that the verbs with a DFT engine share: settings, which engine, how it is started."""

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from rhocast import config
from rhocast.cli.config_option import add_config_option
from rhocast.cli.numbers import MOST_THREADS, whole_in
from rhocast.engines import (
    Engine,
    Launcher,
    Psp8,
    make_engine,
    read_engine_record,
    resolve_engine,
    resolve_pseudopotentials,
)
from rhocast.engines.psp8 import KEY, SPMS, read_named
from rhocast.errors import ConfigError

T = TypeVar("T", bound=config.Section)


def add_engine_options(verb: argparse.ArgumentParser) -> None:
    """Add ``--engine``, ``--launcher`` and ``--threads``."""
    verb.add_argument(
        "--engine", type=Path, help="engine.json of the workflow (default: as dft.engine says)"
    )
    verb.add_argument(
        "--launcher", default="", help="command that starts the engine, such as 'mpirun -n 4'"
    )
    verb.add_argument(
        "--threads",
        type=whole_in(1, MOST_THREADS),
        default=1,
        help="number of OpenMP threads of each rank (default: 1)",
    )


def engine_of(options: argparse.Namespace, dft: config.Dft) -> Engine:
    """Return the engine that is asked for."""
    if options.engine is None:
        return make_engine(resolve_engine(dft.engine))
    return make_engine(read_engine_record(options.engine))


def launcher_of(options: argparse.Namespace) -> Launcher:
    """Return what starts the engine."""
    return Launcher(tuple(shlex.split(options.launcher)), options.threads)


def add_settings_options(verb: argparse.ArgumentParser, sections: str) -> None:
    """Add ``--config`` and, instead of it, ``--settings``."""
    settings = verb.add_mutually_exclusive_group()
    add_config_option(settings, sections)
    settings.add_argument(
        "--settings",
        type=json_object,
        help=f"instead: JSON with the sections {sections} and, for a drawn shift of the k-mesh, "
        "its kpoint_seed",
    )


def json_object(text: str) -> dict[str, Any]:
    """Read the JSON object of an option."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"no valid JSON: {error}; found {text[:60]!r}") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object {{…}}, found {text[:60]!r}")
    return found


def sections_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the sections of the configuration, from the JSON or the file that was given."""
    if options.settings is None:
        return config.load_config(options.config).model_dump()
    missing = {"dft", "material"} - set(options.settings)
    if missing:
        raise ConfigError(f"--settings: expected the sections dft and material, lacks {missing}")
    return options.settings


def validated(section: type[T], sections: dict[str, Any], name: str) -> T:
    """Return a section of ``--settings``, or of the configuration, as its type."""
    try:
        return config.parse_section(section, sections.get(name), name)
    except ConfigError as error:
        lines = str(error).splitlines()
        raise ConfigError("\n".join(f"--settings: {line}" for line in lines)) from None


def workdir_of(output: Path) -> Path:
    """Folder for the engine's files: beside the output, declared nowhere."""
    return output.with_name(output.name + ".work")


def pseudopotentials_of(
    options: argparse.Namespace, sections: dict[str, Any], dft: config.Dft
) -> dict[str, Psp8]:
    """Read the psp8 files that ``--settings`` or the configuration names, by element."""
    where = KEY if options.settings is None else f"--settings: {KEY}"
    material = sections["material"]
    entries = material.get("pseudopotentials") if isinstance(material, dict) else None
    if not isinstance(entries, dict) or not all(isinstance(e, str) for e in entries.values()):
        raise ConfigError(
            f"{where}: expected for each element a psp8 file or {SPMS!r}, found {entries}"
        )
    return resolve_pseudopotentials(entries, dft.functional, where)


def pseudopotentials_named(words: Sequence[str], option: str) -> dict[str, Psp8]:
    """Read the psp8 files that the words of an option name, such as ``Al=spms``, by element."""
    named: dict[str, Psp8] = {}
    for word in words:
        element, _, file = word.partition("=")
        if not file:
            raise ConfigError(
                f"{option}: {word}: expected ELEMENT=FILE, such as Al=al.psp8 or Al={SPMS}"
            )
        if element in named:
            raise ConfigError(
                f"{option}: {word}: {element} is given twice, expected one file of it"
            )
        named[element] = read_named(element, file, option)
    return named
