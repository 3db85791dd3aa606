"""The verb ``new``: a first campaign for a material, from its structure alone."""

import argparse
import logging
import math
import os
import sys
import textwrap
from glob import glob
from pathlib import Path
from typing import Any

from rhocast.cli.numbers import MOST_KELVIN, number_in, whole_in

log = logging.getLogger(__name__)

#: Columns of the lines that `new` prints, and the width of their first one.
_COLUMNS, _INDENT = 100, 22 * " "


def add_verbs(verbs: Any) -> None:
    """Add the parser of ``new``."""
    verb = verbs.add_parser(
        "new",
        description="Write the configuration of a first campaign for a crystal, with the "
        "reason for each setting: cells, temperatures, pseudopotentials, cutoff, k-points, "
        "dynamics, the model. Guesses are marked as guesses; options replace them by what you "
        "know.",
    )
    source = verb.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "structure",
        type=Path,
        nargs="?",
        help="file of the crystal: CIF, POSCAR, JSON of pymatgen or any file that ASE reads",
    )
    verb.add_argument(
        "-o", "--output", type=Path, default=Path("campaign.yaml"),
        help="configuration to write (default: campaign.yaml)",
    )  # fmt: skip
    verb.add_argument(
        "--goal", type=_share, default=0.01, metavar="NMAE",
        help="error on the held-out temperature with which the campaign stops (default: 0.01, "
        "which is 1 %%)",
    )  # fmt: skip
    verb.add_argument(
        "--hours",
        type=number_in(0.001, 1_000_000_000),
        help="core hours of dynamics and single points after which no further round begins",
    )
    verb.add_argument(
        "--frames", type=whole_in(1, 100_000),
        help="number of snapshots of the small cell at each temperature in the first round "
        "(default: 2; with --composition: 1 of each composition)",
    )  # fmt: skip
    source.add_argument(
        "--composition", metavar="ELEMENTS",
        help="two or three elements, such as Si,Ge, whose random alloys are to be learnt over "
        "all compositions; they must crystallise in the same cubic lattice",
    )  # fmt: skip
    source.add_argument(
        "--from-densities",
        nargs="+",
        metavar="FILE",
        help="densities of another program to learn from, such as 'runs/*/CHGCAR': each folder "
        "is taken for a run of its own, and some are held out",
    )
    verb.add_argument(
        "--temperature-K",
        type=whole_in(1, MOST_KELVIN, "K"),
        default=300,
        help="temperature of the ions in these densities, K (default: 300)",
    )
    verb.add_argument(
        "--melting-K",
        type=number_in(1, MOST_KELVIN, "K"),
        help="melting point of the material, K",
    )
    verb.add_argument(
        "--debye-K",
        type=number_in(1, MOST_KELVIN, "K"),
        help="Debye temperature of the material, K",
    )
    dynamics = verb.add_mutually_exclusive_group()
    dynamics.add_argument(
        "--aimd", action="store_true",
        help="move the atoms by molecular dynamics with the DFT engine, which costs about as "
        "many hours as the densities or more; by default they are displaced by phonons of "
        "springs between neighbours",
    )  # fmt: skip
    dynamics.add_argument(
        "--judge-by-aimd", action="store_true",
        help="measure the error also on frames of molecular dynamics with the DFT engine, of the "
        "cell of the training at the held-out temperature",
    )  # fmt: skip
    kind = verb.add_mutually_exclusive_group()
    kind.add_argument("--metal", action="store_true", default=None, help="the material is a metal")
    kind.add_argument(
        "--insulator", action="store_false", dest="metal", default=None,
        help="the material is an insulator or a semiconductor",
    )  # fmt: skip
    verb.add_argument(
        "--pseudopotential", action="append", default=[], metavar="ELEMENT=FILE",
        help="psp8 file of an element; by default the SPMS table",
    )  # fmt: skip
    verb.set_defaults(run=_new)


def _share(text: str) -> float:
    """Read a share of one."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(
            f"expected a share between 0 and 1, such as 0.01 for 1 %, found {text[:20]}"
        )
    return value


def _new(options: argparse.Namespace) -> None:
    from rhocast.errors import ConfigError

    if options.output.exists():
        raise ConfigError(f"{options.output}: exists already; give another name with -o")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    lines = _from_densities(options) if options.from_densities else _from_crystal(options)
    sys.stdout.write(
        "\n".join(lines) + f"\n\n{options.output} is written. Read it, then:\n"
        f"  rhocast plan {options.output}\n"
        f"  snakemake --profile profiles/local --configfile {options.output}\n"
        "Run snakemake in the folder of the clone, which holds the Snakefile; in another folder, "
        "give -s CLONE/Snakefile and --profile CLONE/profiles/local.\n"
    )


def _from_crystal(options: argparse.Namespace) -> list[str]:
    """Draft a campaign of a crystal or an alloy; return a line for each choice."""
    from rhocast.drafting import Wish, draft_campaign

    material = _material(options)
    file = os.path.relpath(options.structure, options.output.parent) if options.structure else ""
    frames = options.frames
    if frames is None:
        frames = 2 if options.structure else 1
    wish = Wish(options.goal, options.hours, frames, options.aimd, options.judge_by_aimd)
    draft = draft_campaign(material, file, options.output.name, wish)
    _write(draft.text, options.output)
    for warning in draft.warnings:
        log.warning("%s", warning)
    return [line for reason in draft.reasons for line in _in_columns(*reason)]


def _write(text: str, path: Path) -> None:
    """Write a draft; one that an option has made invalid is not kept."""
    from rhocast.config import load_config
    from rhocast.errors import ConfigError

    path.write_text(text, encoding="utf-8")
    try:
        load_config(path)
    except ConfigError:
        path.unlink()
        raise


def _material(options: argparse.Namespace) -> Any:
    """Return the crystal of the file, or the alloys of the elements."""
    from rhocast.drafting import Material
    from rhocast.drafting.alloy import find_alloy
    from rhocast.drafting.compositions import composition_range
    from rhocast.structures.shared_sites import read_shared_sites

    words = options.composition
    compositions = None if words is None else composition_range(words)
    crystal = compositions.alloy.sites if compositions else read_shared_sites(options.structure)
    alloy = compositions.alloy if compositions else find_alloy(crystal)
    structure = alloy.arrangement if alloy else crystal.structure
    return Material(
        structure,
        _pseudopotentials(structure.species, options.pseudopotential, options.output.parent),
        metal=options.metal,
        melting_K=options.melting_K,
        debye_K=options.debye_K,
        alloy=alloy,
        compositions=compositions,
    )


def _in_columns(name: str, value: str, reason: str) -> list[str]:
    """Write a choice with its value, and its reason below."""
    below = textwrap.wrap(reason, _COLUMNS, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return [f"{name:{len(_INDENT)}}{value}", *below]


def _from_densities(options: argparse.Namespace) -> list[str]:
    """Import densities and draft a campaign that learns from them; return a line for each run."""
    from rhocast.density import read_density
    from rhocast.drafting.choices import name_of
    from rhocast.drafting.imported import draft_imported, find_runs, import_runs

    found = [Path(name) for word in options.from_densities for name in sorted(glob(word))]  # noqa: PTH207
    runs = find_runs(found)
    structure = read_density(runs[0].files[0]).structure
    folder = options.output.parent
    files = _pseudopotentials(structure.species, options.pseudopotential, folder)
    results = folder / "results" / name_of(structure)
    kelvin = options.temperature_K
    first = import_runs(runs, results, kelvin, {e: file for e, (_, file) in files.items()})
    text = draft_imported(runs, first, options.output.name, kelvin, files)
    _write(text, options.output)
    return [f"{run.name}  {len(run.files)} of {run.files[0].parent}" for run in runs]


def _pseudopotentials(
    species: tuple[str, ...], given: list[str], folder: Path
) -> dict[str, tuple[str, Any]]:
    """Return for each element the entry of the configuration and the file."""
    from rhocast.engines import resolve_pseudopotentials
    from rhocast.errors import ConfigError

    files = dict(entry.partition("=")[::2] for entry in given)
    if empty := [entry for entry in given if not entry.partition("=")[2]]:
        raise ConfigError(f"--pseudopotential: expected ELEMENT=FILE, found {', '.join(empty)}")
    if strange := sorted(set(files) - set(species)):
        raise ConfigError(
            f"--pseudopotential: expected ELEMENT=FILE for an element of the structure, "
            f"{', '.join(species)}; found {', '.join(strange)}"
        )
    entries = {element: files.get(element, "spms") for element in species}
    found = resolve_pseudopotentials(entries, where="--pseudopotential")
    return {
        element: (entry if entry == "spms" else os.path.relpath(entry, folder), found[element])
        for element, entry in entries.items()
    }
