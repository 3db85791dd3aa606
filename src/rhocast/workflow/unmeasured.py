"""What the cells to predict have that no held-out snapshot has: there, no error was measured."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from rhocast.config import Config, System


class Trait(NamedTuple):
    """Something that a cell can have, and that changes the error of its density.

    Attributes
    ----------
    value
        Cells of the same value are alike.
    name
        What the cell has.
    place
        Where or when the error is unknown.
    keys
        Keys of a system that has it, as YAML.
    defect
        Whether a perfect crystal lacks it.
    """

    value: tuple[Any, ...]
    name: str
    place: str
    keys: str
    defect: bool = True


def unmeasured(config: Config) -> list[str]:
    """Say in a sentence for each cell, and each trait of it, that the error there is not known.

    A cell that is read from a file has the composition of the file, which is not looked into.
    """
    evaluated = _systems(config, config.evaluation)
    held_out = _values(evaluated)
    trained = _values(_systems(config, (config.training.dataset, config.transfer.dataset)))
    imported = any(
        source.sampler == "imported"
        for name in config.evaluation
        for source in config.datasets[name]
    )
    perfect = not any(trait.defect for system in evaluated for trait in _traits(system))
    sentences = []
    for cell in config.prediction.cells:
        for trait in _traits(config.systems[cell]):
            if trait.value in held_out:
                continue
            none = "no held-out" if trait.value in trained else "no held-out or training"
            crystal = "the perfect crystal" if trait.defect and perfect else "cells without it"
            sentences.append(
                f"cell {cell} has {trait.name}, which {none} snapshot has"
                + (", unless an imported one does" if imported else "")
                + f": the held-out error is that of {crystal}, and the error {trait.place} was "
                f"not measured; to measure it, add a held-out dataset whose system has "
                f"`{trait.keys}` to `evaluation`"
            )
    return sentences


def _systems(config: Config, datasets: Iterable[str]) -> list[System]:
    names = {source.system for dataset in datasets for source in config.datasets[dataset]}
    return [config.systems[name] for name in sorted(names)]


def _values(systems: Iterable[System]) -> set[tuple[Any, ...]]:
    return {trait.value for system in systems for trait in _traits(system)}


def _traits(system: System) -> list[Trait]:
    """Return what a system has, by its section."""
    found = []
    if system.vacancies:
        one = system.vacancies == 1 or (
            not isinstance(system.vacancies, int) and len(system.vacancies) == 1
        )
        name, place = ("a vacancy", "at the vacancy") if one else ("vacancies", "at the vacancies")
        found.append(Trait(("vacancies",), name, place, "vacancies: 1"))
    if system.dislocation is not None:
        kind = system.dislocation
        article = "an" if kind == "edge" else "a"
        found.append(
            Trait(
                ("dislocation", kind),
                f"{article} {kind} dislocation",
                "at the dislocation",
                f"dislocation: {kind}",
            )
        )
    if system.grain_boundary is not None:
        plane = list(system.grain_boundary)
        found.append(
            Trait(
                ("grain_boundary", *plane),
                f"a grain boundary {plane}",
                "at the boundary",
                f"grain_boundary: {plane}",
            )
        )
    if any(strain := _strain(system)):
        text = (
            f"{strain[0]:g}"
            if len(set(strain)) == 1
            else f"[{', '.join(f'{s:g}' for s in strain)}]"
        )
        found.append(
            Trait(
                ("strain", *strain),
                f"a strain of {text}",
                "under this strain",
                f"strain: {text}",
                defect=False,
            )
        )
    if system.composition is not None:
        shares = sorted(system.composition.items())
        text = ", ".join(f"{element}: {share:g}" for element, share in shares)
        found.append(
            Trait(
                ("composition", *shares),
                f"the composition {{{text}}}",
                "of this composition",
                f"composition: {{{text}}}",
                defect=False,
            )
        )
    return found


def _strain(system: System) -> tuple[float, ...]:
    return system.strain if isinstance(system.strain, tuple) else (system.strain,) * 3
