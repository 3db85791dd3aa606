"""The systems and datasets of a campaign: what is computed to learn from, and to judge by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rhocast.drafting.choices import Repeat
from rhocast.drafting.compositions import CompositionRange
from rhocast.drafting.templates import counts, template

#: Frames of dynamics to judge by.
_MOVING_FRAMES = 3


@dataclass(frozen=True)
class Scale:
    """How large the cells of a campaign are, how hot, and how many snapshots it begins with.

    Attributes
    ----------
    cells
        Numbers of cells of the crystal for convergence, training, transfer and prediction.
    cells_reason
        Why the first three were chosen.
    temperatures_K
        Those of training, cold and hot, with the one to judge at between them.
    frames
        Snapshots of a training cell at each temperature in the first round.
    """

    cells: tuple[Repeat, ...]
    cells_reason: str
    temperatures_K: tuple[int, int, int]
    frames: int

    @property
    def few(self) -> int:
        """Snapshots of the larger cell at each temperature."""
        return max(1, self.frames // 2)

    @property
    def words(self) -> dict[str, str | int]:
        """The words of the templates."""
        cold, warm, hot = self.temperatures_K
        return {
            "cells_reason": self.cells_reason,
            "cold": cold,
            "warm": warm,
            "hot": hot,
            "frames": self.frames,
            "more": 2 * self.frames,
            "few": self.few,
        }


@dataclass(frozen=True)
class Layout:
    """Two sections of a configuration.

    Attributes
    ----------
    systems, datasets
        YAML without the names of the sections.
    evaluation
        Names of the datasets to judge by.
    """

    systems: str
    datasets: str
    evaluation: Sequence[str]


def lay_out_crystal(
    scale: Scale, sampler: str, file: str, shared_sites: str, judged_by_dynamics: bool
) -> Layout:
    """Lay out the campaign of a crystal.

    Parameters
    ----------
    scale
        Cells, temperatures and snapshots.
    sampler
        What displaces the atoms.
    file
        Of the crystal, as YAML.
    shared_sites
        Further YAML of a system.
    judged_by_dynamics
        Whether frames of dynamics are held out, too.
    """
    names = ("unit", "small", "large", "huge")
    cells = {n: counts(cell) for n, cell in zip(names, scale.cells, strict=True)}
    return Layout(
        template("systems").substitute(
            scale.words,
            **cells,
            structure_file=file,
            shared=shared_sites,
            moving_system="  dynamics: *small # to judge by, too\n" if judged_by_dynamics else "",
        ),
        template("datasets").substitute(
            scale.words,
            sampler=sampler,
            moving_dataset=_moving_dataset(scale.temperatures_K[1]) if judged_by_dynamics else "",
        ),
        ["test", *(["dynamics"] if judged_by_dynamics else [])],
    )


def lay_out_compositions(
    scale: Scale, sampler: str, alloys: CompositionRange, judged_by_dynamics: bool
) -> Layout:
    """Lay out the campaign of an alloy over its compositions; parameters as above.

    The second round adds compositions, the third another arrangement of each of them.
    """
    unit, small, large, huge = scale.cells
    first, second = (alloys.systems(grid, small) for grid in alloys.grids)
    second = {name: system for name, system in second.items() if name not in first}
    third = {f"{name}-2": system for name, system in (first | second).items()}
    ends = alloys.systems(alloys.ends, small)
    held_out = alloys.systems(alloys.held_out, large)
    moving = {"dynamics": alloys.equal_shares(small)} if judged_by_dynamics else {}
    systems = template("compositions").substitute(
        scale.words,
        lattice=alloys.lattice.name,
        constants=alloys.constants,
        **{
            name: _block(alloys.equal_shares(cell))
            for name, cell in {"unit": unit, "large": large, "huge": huge}.items()
        },
        first=_lines(first),
        second=_lines(second),
        third=_lines(third),
        ends=_lines(ends),
        held_out=_lines(held_out),
        moving_system=f"  {_lines(moving)} # to judge by, too\n" if moving else "",
    )
    return Layout(
        systems,
        _datasets(scale, sampler, [[*first], [*second], [*third]], [[*held_out], [*ends]])
        + (_moving_dataset(scale.temperatures_K[1]) if judged_by_dynamics else "")
        + "\n",
        ["test", "ends", *moving],
    )


def _datasets(
    scale: Scale, sampler: str, rounds: Sequence[list[str]], judged: Sequence[list[str]]
) -> str:
    """Write the datasets: each round with the systems of those before, transfer, test and ends."""
    cold, warm, hot = scale.temperatures_K
    words = f"sampler: {sampler}, temperatures_K: [{cold}, {hot}], frames: "
    training, larger = f"{words}{scale.frames}", f"{words}{scale.few}"
    judging = f"sampler: {sampler}, temperatures_K: [{warm}], frames: 1"
    text, known = "", list[str]()
    for number, names in enumerate(rounds, 1):
        new, all_ = (2 * scale.frames * len(some) for some in (names, known + names))
        text += f"  round-{number}: # {all_} densities, {new} of them new\n"
        text += "".join(f"    - *{name}\n" for name in known)
        text += "".join(f"    - &{name} {{system: {name}, {training}}}\n" for name in names)
        known += names
    text += f"  large:\n    - {{system: large, {larger}}}\n"
    for dataset, names in zip(("test", "ends"), judged, strict=True):
        text += f"  {dataset}: # a temperature that no model sees\n"
        text += "".join(f"    - {{system: {name}, {judging}}}\n" for name in names)
    return text


def _moving_dataset(temperature_K: int) -> str:
    """Write a held-out dataset of molecular dynamics."""
    return (
        "  dynamics: # the same temperature, but atoms that the DFT forces move\n"
        "    - {system: dynamics, sampler: aimd, "
        f"temperatures_K: [{temperature_K}], frames: {_MOVING_FRAMES}}}\n"
    )


def _block(keys: Mapping[str, str]) -> str:
    """Write the keys of a system below each other."""
    return "\n    ".join(f"{key}: {value}" for key, value in keys.items())


def _lines(systems: Mapping[str, Mapping[str, str]]) -> str:
    """Write systems that take the lattice of `unit`, a line each."""
    return "\n  ".join(
        f"{name}: {{<<: *unit, " + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}"
        for name, keys in systems.items()
    )
