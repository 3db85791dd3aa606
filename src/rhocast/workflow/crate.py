"""An RO-Crate of a finished campaign: its files, what made them, and from what.

The format is RO-Crate 1.3 (https://w3id.org/ro/crate/1.3). The folder of results itself becomes the
crate: ``ro-crate-metadata.json`` describes the files where they lie, and none is copied.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from rhocast import __version__
from rhocast.files import replacing

METADATA, CONFIGURATION = "ro-crate-metadata.json", "campaign.yaml"

DESCRIPTION = (
    "Electron densities from density functional theory, a density model that Rhocast trained on "
    "them, its errors on held-out snapshots, and densities of larger cells that it predicted."
)

UNKNOWN_LICENCE = "The configuration states no licence of the data"


#: Stands for the densities that the models were trained on; held-out ones are not among them.
TRAINED_ON = "trained on"


@dataclass(frozen=True)
class Stage:
    """A part of a campaign: one program made these files from those of other parts.

    Attributes
    ----------
    name
        What was done.
    results
        Files and folders, relative to the results, with what they hold.
    reads
        Patterns of the files of earlier stages that were read.
    by_engine
        Whether the DFT engine took part.
    """

    name: str
    results: Mapping[str, str]
    reads: tuple[str, ...] = ()
    by_engine: bool = False


STAGES = (
    Stage("Structures", {"structures": "atoms of a system"}),
    Stage(
        "Reference data from density functional theory",
        {
            "engine.json": "name and version of the DFT engine",
            "aimd": "ab initio molecular dynamics",
            "classical": "classical molecular dynamics",
            "dynamics": "statistics of a run of molecular dynamics",
            "acquired": "table of the frames that the base model chose",
            "snapshots": "atoms of a frame",
            "densities": "electron density of a frame, with forces and energy",
            "convergence": "convergence study of the DFT settings",
        },
        ("structures/*",),
        by_engine=True,
    ),
    Stage(
        "Training",
        {
            "features": "descriptors and densities at sampled points",
            "rounds": "a round of learning: models, errors, verdict",
            "models": "trained density model",
        },
        (TRAINED_ON,),
    ),
    Stage(
        "Prediction",
        {"predictions": "predicted electron density with its standard deviations"},
        ("models/*/chosen.safetensors", "structures/*"),
    ),
    Stage(
        "Evaluation",
        {
            "evaluation": "errors on held-out snapshots",
            "figures": "figure of the report",
            "scaling": "speed of predictions",
            "studies": "study of descriptor, cells or uncertainty",
            "card.md": "card of the model: its data, settings and errors",
            "summary.txt": "summary of the campaign; its verdict comes first",
        },
        ("models/*", "densities/*", "predictions/*"),
    ),
    Stage(
        "Properties",
        {"physics": "energies, equation of state or bands"},
        ("models/*/chosen.safetensors", "densities/*", "structures/*"),
        by_engine=True,
    ),
)

#: Media types of the files of a campaign; others are plain bytes.
FORMATS = {
    ".h5": "application/x-hdf5",
    ".extxyz": "chemical/x-xyz",
    ".json": "application/json",
    ".md": "text/markdown",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".png": "image/png",
    ".yaml": "application/yaml",
}

#: Home pages of programs.
HOMES = {
    "abinit": "https://www.abinit.org",
    "snakemake": "https://snakemake.github.io",
    "sparc": "https://github.com/SPARC-X/SPARC",
}


def write_crate(
    folder: str | Path,
    name: str,
    licences: Sequence[str],
    trained_on: Sequence[str | Path],
    configuration: Mapping[str, Any],
    snakemake: str,
) -> None:
    """Write the metadata of the crate and, beside it, the configuration that it names.

    Parameters
    ----------
    folder
        Results of a finished campaign. All files in the folders of `STAGES` are described.
    name
        Of the campaign.
    licences
        Of its data, as the configuration states them; may be empty.
    trained_on
        Snapshot files of the training, within the folder; those of rounds that were not needed may
        be missing.
    configuration
        The configuration as it was read, all files merged.
    snakemake
        Version of Snakemake.
    """
    folder = Path(folder)
    with replacing(folder / CONFIGURATION) as partial:
        partial.write_text(yaml.safe_dump(dict(configuration), sort_keys=False, allow_unicode=True))
    crate = ROCrate()
    crate.name = f"Rhocast campaign {name}"
    crate.description = DESCRIPTION
    crate.datePublished = datetime.fromtimestamp((folder / "summary.txt").stat().st_mtime, UTC)
    crate.license = " AND ".join(sorted(set(licences))) or UNKNOWN_LICENCE
    settings = _add_file(crate, folder, CONFIGURATION, "configuration of the campaign")
    engine, programs = _programs(crate, folder, snakemake)
    taught = {Path(path).relative_to(folder).as_posix() for path in trained_on}
    made: dict[str, Entity] = {}
    for number, stage in enumerate(STAGES, start=1):
        read = [e for name, e in made.items() if _is_read(name, stage.reads, taught)]
        results = {
            name: _add_file(crate, folder, name, content)
            for place, content in stage.results.items()
            for name in _in(folder, place)
        }
        made |= results
        if results:
            action = crate.add_action(
                [*programs, *(engine if stage.by_engine else ())],
                f"#stage-{number}",
                object=_single([settings, *read]),
                result=_single([*results.values()]),
                properties={"name": stage.name},
            )
            crate.root_dataset.append_to("mentions", action)
    with replacing(folder / METADATA) as partial:
        partial.write_text(json.dumps(crate.metadata.generate(), indent=2, ensure_ascii=False))


def _is_read(name: str, patterns: Sequence[str], taught: Collection[str]) -> bool:
    return (TRAINED_ON in patterns and name in taught) or any(fnmatch(name, p) for p in patterns)


def _in(folder: Path, place: str) -> Iterator[str]:
    """Return the finished files of a folder, or the file itself, relative to the results."""
    start = folder / place
    found = [start] if start.is_file() else sorted(start.rglob("*"))
    for path in found:
        parts = path.relative_to(folder).parts
        unfinished = path.suffix in (".lock", ".partial")
        if path.is_file() and not unfinished and not any(_of_a_run(part) for part in parts):
            yield path.relative_to(folder).as_posix()


def _of_a_run(name: str) -> bool:
    return name.startswith(".") or name.endswith(".work")


def _add_file(crate: ROCrate, folder: Path, name: str, content: str) -> Entity:
    path = folder / name
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    properties = {
        "name": name,
        "description": content[0].upper() + content[1:],
        "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
        "contentSize": str(path.stat().st_size),
        "sha256": sha256,
        "dateModified": datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat("T", "seconds"),
    }
    return crate.add_file(path, dest_path=name, properties=properties)


def _programs(crate: ROCrate, folder: Path, snakemake: str) -> tuple[list[Entity], list[Entity]]:
    """Add the programs; return the DFT engine, if it ran, and those that took part in all."""
    record = folder / "engine.json"
    engines = [json.loads(record.read_text(encoding="utf-8"))] if record.is_file() else []
    engine = [_add_program(crate, entry["name"], entry["version"]) for entry in engines]
    programs = [
        _add_program(crate, "rhocast", __version__),
        _add_program(crate, "snakemake", snakemake),
    ]
    return engine, programs


def _add_program(crate: ROCrate, name: str, number: str) -> Entity:
    """Add a program; the format asks for a URL, which is a package URL where no page is known."""
    url = HOMES.get(name, f"pkg:generic/{name}@{number}")
    entry = {"@type": "SoftwareApplication", "name": name, "version": number, "url": url}
    return crate.add_jsonld({"@id": f"#{name}", **entry})


def _single(entities: list[Entity]) -> list[Entity] | Entity:
    """Return one entity as such: the format recommends it over a list of one."""
    return entities if len(entities) > 1 else entities[0]
