"""The file of a first campaign: commented YAML that the workflow runs as it is."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template

from rhocast.drafting import choices
from rhocast.drafting.alloy import Alloy
from rhocast.drafting.caveats import warnings_of
from rhocast.drafting.choices import Choice, Repeat
from rhocast.engines import Psp8
from rhocast.structures import Structure

#: Atoms of the cell, with a vacancy, that the campaign predicts in the end.
LARGE_CELL_ATOMS = 10_000

#: Times between frames, and before the first, fs.
_BETWEEN_FRAMES_FS, _EQUILIBRATION_FS, _THERMOSTAT_FS = 60.0, 60.0, 60.0

#: Frames of dynamics to judge by.
_MOVING_FRAMES = 3


@dataclass(frozen=True)
class Material:
    """What a user says of a crystal; None stands for a guess.

    Attributes
    ----------
    structure
        The crystal: a primitive or a conventional cell; of a random alloy one arrangement.
    pseudopotentials
        By element: the entry of the configuration, and the file that it stands for.
    metal
        Whether it is a metal.
    melting_K, debye_K
        Melting point and Debye temperature, K.
    alloy
        Of a crystal whose sites elements share: where `structure` comes from.
    """

    structure: Structure
    pseudopotentials: Mapping[str, tuple[str, Psp8]]
    metal: bool | None = None
    melting_K: float | None = None
    debye_K: float | None = None
    alloy: Alloy | None = None

    @property
    def n_electrons(self) -> float:
        """Valence electrons of the cell."""
        valence = {element: file.valence for element, (_, file) in self.pseudopotentials.items()}
        return self.structure.count_electrons(valence)

    @property
    def files(self) -> dict[str, Psp8]:
        """Pseudopotentials by element."""
        return {element: file for element, (_, file) in self.pseudopotentials.items()}

    def counts(self, repeat: Repeat) -> str:
        """Write how often the cell of the file is repeated, given that of `structure`, as YAML."""
        return counts(self.alloy.times(repeat) if self.alloy else repeat)


@dataclass(frozen=True)
class Draft:
    """A campaign and the reasons for its settings.

    Attributes
    ----------
    text
        The YAML file.
    reasons
        For each choice its name, its value in words and the reason.
    warnings
        What the campaign leaves out or takes for granted that may be wrong, a sentence each.
    """

    text: str
    reasons: list[tuple[str, str, str]]
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Wish:
    """What a campaign is to reach, and with how much.

    Attributes
    ----------
    nmae
        Error on the held-out temperature with which it stops.
    core_hours
        Of dynamics and single points, after which no further round begins; None: no bound.
    frames
        Snapshots of the small cell at each temperature in the first round.
    dynamics
        Whether the DFT engine moves the atoms; otherwise displacements are drawn.
    judged_by_dynamics
        Whether frames of dynamics are held out, too.
    """

    nmae: float = 0.01
    core_hours: float | None = None
    frames: int = 2
    dynamics: bool = False
    judged_by_dynamics: bool = False


def draft_campaign(
    material: Material, structure_file: str, own: str, wish: Wish | None = None
) -> Draft:
    """Choose the settings of a first campaign and write them as YAML.

    Parameters
    ----------
    material
        What is known of the crystal.
    structure_file
        Its file, as the configuration is to name it.
    own
        Name of the file that the text will be written to.
    wish
        What it is to reach.
    """
    wish = wish or Wish()
    structure = material.structure
    metal = choices.is_metal(structure, material.metal)
    cells = choices.training_cells(structure, material.n_electrons)
    cutoff = choices.cutoff_ha(material.files, structure.counts)
    melting = choices.melting_point_K(structure, material.melting_K)
    debye = choices.debye_temperature_K(structure, material.debye_K, melting.value)
    temperatures = choices.temperatures_K(melting)
    kpoints = choices.kpoint_spacing_per_bohr(structure, cells.value[0], metal.value)
    step = choices.timestep_fs(structure)
    sampler = choices.sampler(wish.dynamics)
    kind = "treated as " + ("a metal" if metal.value else "an insulator or a semiconductor")
    shift = choices.kpoint_shift(structure, metal.value)
    warnings = warnings_of(structure)
    cold, warm, hot = temperatures.value
    moves = wish.dynamics or wish.judged_by_dynamics
    text = template().substitute(
        title=_title(material),
        file=structure_file,
        own=own,
        name=choices.name_of(structure, material.alloy is not None),
        shared=_shared_sites(material.alloy),
        pseudopotentials="\n".join(pseudopotential_lines(material.pseudopotentials)),
        **_with_reason("debye", debye),
        structure_file=_quoted(structure_file),
        cells_reason=cells.reason,
        unit=material.counts(cells.value[0]),
        small=material.counts(cells.value[1]),
        large=material.counts(cells.value[2]),
        huge=material.counts(choices.supercell(structure, LARGE_CELL_ATOMS)),
        mesh=choices.mesh_spacing_bohr(cutoff.value),
        **_with_reason("cutoff", cutoff),
        **_with_reason("kpoints", kpoints),
        shift=shift.value,
        shift_reason=shift.reason,
        warnings="".join(f"# Warning: {sentence}\n" for sentence in warnings),
        smearing=choices.smearing_K(metal.value),
        metal_name=kind,
        metal_reason=metal.reason,
        dynamics=_dynamics(step, cutoff.value, kpoints.value) if moves else "",
        **_held_out_dynamics(warm if wish.judged_by_dynamics else None),
        sampler=sampler.value,
        sampler_reason=sampler.reason,
        temperatures_reason=temperatures.reason,
        cold=cold,
        warm=warm,
        hot=hot,
        frames=wish.frames,
        more=2 * wish.frames,
        few=max(1, wish.frames // 2),
        goal=f"{wish.nmae:g}",
        budget="" if wish.core_hours is None else f"\n  core_hours: {wish.core_hours:g}",
    )
    reasons = [
        *_alloy_reason(material.alloy, cells.value),
        ("Cells", ", ".join(map(material.counts, cells.value)), cells.reason),
        ("Electrons", kind, metal.reason),
        ("Temperatures", f"{cold}, {hot} K; judged at {warm} K", temperatures.reason),
        ("Debye temperature", f"{debye.value:g} K", debye.reason),
        ("Plane-wave cutoff", f"{cutoff.value:g} Ha", cutoff.reason),
        ("Distance of k-points", f"{kpoints.value:g} per Bohr", kpoints.reason),
        ("Sampler", sampler.value, sampler.reason),
    ]
    return Draft(text, reasons, warnings)


def _title(material: Material) -> str:
    if material.alloy is None:
        return choices.formula_of(material.structure)
    return f"random alloys of {', '.join(choices.by_electronegativity(material.structure))}"


def _shared_sites(alloy: Alloy | None) -> str:
    """Write what becomes of shared sites; an empty line without them."""
    if alloy is None:
        return ""
    return (
        f"\n    shared_sites: random # {alloy.sites}; the nearest numbers of atoms, in another "
        "arrangement in each system"
    )


def _alloy_reason(alloy: Alloy | None, cells: Sequence[Repeat]) -> list[tuple[str, str, str]]:
    if alloy is None:
        return []
    return [
        (
            "Shared sites",
            ", ".join(map(alloy.formula, cells)),
            f"{alloy.sites}; each system is a random alloy of its own, with the nearest numbers of "
            "atoms",
        )
    ]


def _held_out_dynamics(temperature_K: int | None) -> dict[str, str]:
    """Write a held-out dataset of dynamics and its system; nothing without a temperature."""
    if temperature_K is None:
        return {"moving_system": "", "moving_dataset": "", "evaluation": "test"}
    return {
        "moving_system": "  dynamics: *small # to judge by, too\n",
        "moving_dataset": "  dynamics: # the same temperature, but atoms that the DFT forces move\n"
        "    - {system: dynamics, sampler: aimd, "
        f"temperatures_K: [{temperature_K}], frames: {_MOVING_FRAMES}}}\n",
        "evaluation": "test, dynamics",
    }


def _dynamics(step: Choice[float], cutoff: float, kpoint_spacing: float) -> str:
    """Write the section of the dynamics."""
    return template("dynamics.template").substitute(
        **_with_reason("step", step),
        thermostat=_THERMOSTAT_FS,
        equilibration=round(_EQUILIBRATION_FS / step.value),
        between=round(_BETWEEN_FRAMES_FS / step.value),
        rough_cutoff=round(0.7 * cutoff, 1),
        rough_kpoints=round(3.0 * kpoint_spacing, 4),
    )


def template(name: str = "campaign.template") -> Template:
    """Return a template of a configuration."""
    file = resources.files("rhocast.drafting").joinpath(name)
    return Template(file.read_text(encoding="utf-8"))


def _with_reason(name: str, choice: Choice) -> dict[str, str]:
    return {name: f"{choice.value:g}", f"{name}_reason": choice.reason}


def pseudopotential_lines(files: Mapping[str, tuple[str, Psp8]]) -> list[str]:
    """Write entries of `material.pseudopotentials`, each with what it stands for."""
    return [
        f"    {element}: {_quoted(entry)} # {file.valence:g} valence electrons, {file.name}"
        for element, (entry, file) in files.items()
    ]


def counts(repeat: Repeat) -> str:
    """Write numbers of cells as YAML."""
    return "[{}, {}, {}]".format(*repeat)


def _quoted(text: str) -> str:
    """Write a text for YAML: as it is where that is safe."""
    if re.fullmatch(r"[A-Za-z0-9_./-]+", text):
        return text
    return "'" + text.replace("'", "''") + "'"
