"""Verb of bands and density of states at a density: ``bands``."""

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast import config
from rhocast.analysis.band_picture import draw_bands
from rhocast.cli.engine_options import (
    add_engine_options,
    add_settings_options,
    engine_of,
    launcher_of,
    pseudopotentials_of,
    sections_of,
    validated,
    workdir_of,
)
from rhocast.cli.job import emit
from rhocast.cli.numbers import number_in, whole_in
from rhocast.cli.source_options import Source, add_source_options, sources_of
from rhocast.density import Density, read_density
from rhocast.engines import Engine, Psp8
from rhocast.engines.kept_energies import KeptEnergies
from rhocast.errors import ConfigError
from rhocast.inference import Predictor
from rhocast.properties import (
    ElectronicStructure,
    KPath,
    compare_bands,
    electronic_structure,
    read_bands,
    write_bands,
)
from rhocast.properties.bands import KPOINT_SEED
from rhocast.properties.bands_file import LABELS
from rhocast.structures import Structure, read_structure

#: What ``--against`` takes instead of a file.
SELF_CONSISTENT = "dft"


def add_verbs(verbs: Any) -> None:
    """Add the parser of this module's verb."""
    verb = verbs.add_parser(
        "bands",
        description="Compute bands and density of states in the potential of a density, without a "
        "self-consistent cycle, and write them (JSON). With --against, also at the "
        "self-consistent density, and print how far the bands differ.",
    )
    verb.add_argument(
        "source", help="model file, name of a shipped model, or density of any format"
    )
    verb.add_argument(
        "structure",
        type=Path,
        nargs="?",
        help="file of the cell, in any format that ASE reads (default: that of the density)",
    )
    verb.add_argument(
        "--against",
        metavar="FILE",
        help=f"density to compare with, or `{SELF_CONSISTENT}`: the self-consistent one, which is "
        "then computed",
    )
    add_source_options(verb)
    verb.add_argument(
        "--path",
        help="points of the path, such as GXWKGL, with a comma for a jump (default: ASE's "
        "suggestion for the lattice of the cell)",
    )
    verb.add_argument(
        "--points",
        type=whole_in(2, 100_000),
        default=100,
        help="number of k-points along the path (default: 100)",
    )
    verb.add_argument(
        "--dos-kpoint-spacing-per-bohr",
        type=number_in(0.001, 10, "1/Bohr"),
        metavar="SPACING",
        help="distance of the k-points of Fermi level and density of states, 1/Bohr (default: "
        "dft.kpoint_spacing_per_bohr)",
    )
    verb.add_argument(
        "--dos-width-ev",
        type=number_in(0.0001, 10, "eV"),
        default=0.1,
        metavar="WIDTH",
        help="standard deviation of the Gaussian that broadens the density of states, eV "
        "(default: 0.1)",
    )
    verb.add_argument(
        "--window-ev",
        type=number_in(0, 1000, "eV"),
        default=5.0,
        metavar="ENERGY",
        help="states up to this energy above the Fermi level are compared and drawn, eV "
        "(default: 5)",
    )
    verb.add_argument(
        "--empty-bands",
        type=whole_in(1, 100_000),
        metavar="N",
        help="number of bands beyond the occupied ones (default: three for four occupied ones, at "
        "least six; half as many bands again, where the highest one is occupied)",
    )
    verb.add_argument("-o", "--output", required=True, type=Path, help="file to write, JSON")
    verb.add_argument("--picture", type=Path, help="figure to write: png, pdf or svg")
    verb.add_argument("--json", action="store_true", help="print one JSON object")
    add_settings_options(verb, "dft, material")
    add_engine_options(verb)
    verb.set_defaults(run=_bands)


def _bands(options: argparse.Namespace) -> None:
    sections = sections_of(options)
    dft = validated(config.Dft, sections, "dft")
    files = pseudopotentials_of(options, sections, dft)
    given, against = _sources(options)
    structure, density = _given(options, given)
    path = KPath.of(structure, options.path, options.points)
    other = _other(against, structure)
    engine, launcher = engine_of(options, dft), launcher_of(options)

    def at(density: Density) -> ElectronicStructure:
        return electronic_structure(
            engine,
            structure,
            density,
            dft,
            files,
            launcher=launcher,
            workdir=workdir_of(options.output),
            path=path,
            mesh_spacing_per_bohr=options.dos_kpoint_spacing_per_bohr,
            empty_bands=options.empty_bands,
        )

    found, reference = at(density), None
    if options.against == SELF_CONSISTENT:
        reference = at(_self_consistent(engine, structure, dft, files, options))
    elif other is not None:
        reference = at(other)
    write_bands(
        options.output,
        found,
        reference,
        labels=_labels(options),
        window_ev=options.window_ev,
        width_ev=options.dos_width_ev,
    )
    if options.picture:
        draw_bands(read_bands(options.output), options.picture)
    figures: dict[str, Any] = {"fermi_ha": found.fermi_ha, "gap_ev": found.gap_ev}
    if reference is not None:
        figures |= asdict(compare_bands(found, reference, options.window_ev))
    emit(figures, options.json)


def _is_model(source: str) -> bool:
    return source.endswith(".safetensors") or not Path(source).is_file()


def _labels(options: argparse.Namespace) -> tuple[str, str]:
    """Return what the two densities are called in the picture."""
    model, dft = _is_model(options.source), options.against in (None, SELF_CONSISTENT)
    return (
        LABELS[0] if model else Path(options.source).name,
        LABELS[1] if dft else Path(options.against).name,
    )


def _sources(options: argparse.Namespace) -> tuple[Source | None, Source | None]:
    """Return the files of both densities; None of one that is predicted, computed or not given."""
    named = options.against not in (None, SELF_CONSISTENT)
    against = [Path(options.against)] if named else []
    if _is_model(options.source):
        return None, next(iter(sources_of(options, *against)), None)
    given, *other = sources_of(options, Path(options.source), *against)
    return given, next(iter(other), None)


def _given(options: argparse.Namespace, source: Source | None) -> tuple[Structure, Density]:
    """Return the structure and the density that a model predicts, or that a file holds."""
    if source is not None:
        density = read_density(*source)
        structure = read_structure(options.structure) if options.structure else density.structure
        return structure, density
    if options.structure is None:
        raise ConfigError(
            f"{options.source}: no file of a density; a model needs the file of a structure, found "
            "none"
        )
    structure = read_structure(options.structure)
    return structure, Predictor.load(options.source).predict(
        structure, uncertainty="none", where=str(options.structure)
    )


def _other(source: Source | None, structure: Structure) -> Density | None:
    """Read the density to compare with, before anything is computed.

    Raises
    ------
    StructureError
        If it is that of other atoms.
    """
    if source is None:
        return None
    density = read_density(*source)
    density.check_atoms(structure)
    return density


def _self_consistent(
    engine: Engine,
    structure: Structure,
    dft: config.Dft,
    files: Mapping[str, Psp8],
    options: argparse.Namespace,
) -> Density:
    """Compute the self-consistent density, or read the one that an earlier run has kept.

    Raises
    ------
    EngineError
        If it is rejected.
    """
    workdir = workdir_of(options.output)
    return KeptEnergies(workdir / "energies.json").self_consistent_density(
        engine,
        structure,
        dft,
        files,
        temperature_K=0.0,
        launcher=launcher_of(options),
        workdir=workdir / "run",
        kpoint_seed=KPOINT_SEED,
    )
