"""The file of a first campaign: commented YAML that the workflow runs as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rhocast.drafting import choices, heat
from rhocast.drafting.alloy import Alloy
from rhocast.drafting.caveats import warnings_of
from rhocast.drafting.choices import Choice, Repeat
from rhocast.drafting.compositions import CompositionRange
from rhocast.drafting.layout import Layout, Scale, lay_out_compositions, lay_out_crystal
from rhocast.drafting.pseudopotentials import pseudopotential_lines, pseudopotential_reason
from rhocast.drafting.templates import counts, quoted, template
from rhocast.engines import Psp8
from rhocast.structures import Structure

#: Atoms of the cell, with a vacancy, that the campaign predicts in the end.
LARGE_CELL_ATOMS = 10_000

#: Times between frames, and before the first, fs.
_BETWEEN_FRAMES_FS, _EQUILIBRATION_FS, _THERMOSTAT_FS = 60.0, 60.0, 60.0


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
    compositions
        Of an alloy over its compositions: `alloy` is that of equal shares.
    """

    structure: Structure
    pseudopotentials: Mapping[str, tuple[str, Psp8]]
    metal: bool | None = None
    melting_K: float | None = None
    debye_K: float | None = None
    alloy: Alloy | None = None
    compositions: CompositionRange | None = None

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
        Its file, as the configuration is to name it; empty for an alloy over its compositions.
    own
        Name of the file that the text will be written to.
    wish
        What it is to reach.
    """
    wish = wish or Wish()
    structure = material.structure
    metal = choices.is_metal(structure, material.metal)
    cells = choices.training_cells(structure, material.n_electrons)
    cutoff = _cutoff(material)
    melting, debye = _heat(material)
    temperatures = heat.temperatures_K(melting)
    kpoints = choices.kpoint_spacing_per_bohr(
        structure, cells.value[0], metal.value, material.compositions is not None
    )
    step = choices.timestep_fs(structure)
    sampler = choices.sampler(wish.dynamics)
    kind = "treated as " + ("a metal" if metal.value else "an insulator or a semiconductor")
    shift = choices.kpoint_shift(structure, metal.value)
    warnings = warnings_of(structure)
    cold, warm, hot = temperatures.value
    moves = wish.dynamics or wish.judged_by_dynamics
    huge = choices.supercell(structure, LARGE_CELL_ATOMS)
    scale = Scale((*cells.value, huge), cells.reason, temperatures.value, wish.frames)
    layout = _layout(material, scale, sampler.value, structure_file, wish.judged_by_dynamics)
    text = template("campaign").substitute(
        title=_title(material),
        source=structure_file or "the elements alone",
        own=own,
        name=choices.name_of(structure, material.alloy is not None),
        pseudopotentials="\n".join(pseudopotential_lines(material.pseudopotentials)),
        **_with_reason("debye", debye),
        systems=layout.systems,
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
        cold=cold,
        hot=hot,
        sampler_reason=sampler.reason,
        temperatures_reason=temperatures.reason,
        datasets=layout.datasets,
        goal=f"{wish.nmae:g}",
        budget="" if wish.core_hours is None else f"\n  core_hours: {wish.core_hours:g}",
        evaluation=", ".join(layout.evaluation),
    )
    reasons = [
        *_alloy_reasons(material, cells.value),
        pseudopotential_reason(material.pseudopotentials),
        ("Cells", ", ".join(map(material.counts, cells.value)), cells.reason),
        ("Electrons", kind, metal.reason),
        (
            "Temperatures",
            f"{cold} and {hot} K to train at, {warm} K to measure the error at",
            temperatures.reason,
        ),
        ("Debye temperature", f"{debye.value:g} K", debye.reason),
        ("Plane-wave cutoff", f"{cutoff.value:g} Ha", cutoff.reason),
        ("Distance of k-points", f"{kpoints.value:g} per Bohr", kpoints.reason),
        ("Sampler", sampler.value, sampler.reason),
    ]
    return Draft(text, reasons, warnings)


def _cutoff(material: Material) -> Choice[float]:
    """Choose the cutoff of a crystal, or the highest of an alloy's elements."""
    if material.compositions is None:
        return choices.cutoff_ha(material.files, material.structure.counts)
    each = {e: choices.cutoff_ha({e: file}, {e: 1}) for e, file in material.files.items()}
    hardest = max(each, key=lambda element: each[element].value)
    choice = each[hardest]
    return Choice(choice.value, f"of {hardest}, which needs the highest: {choice.reason}")


def _heat(material: Material) -> tuple[Choice[float], Choice[float]]:
    """Choose melting point and Debye temperature."""
    structure, alloys = material.structure, material.compositions
    melting = heat.melting_point_K(structure, material.melting_K)
    if alloys is not None and material.melting_K is None:
        melting = alloys.melting_point_K() or melting
    debye = heat.debye_temperature_K(structure, material.debye_K, melting.value)
    if alloys is not None and material.debye_K is None:
        debye = alloys.debye_temperature_K() or debye
    return melting, debye


def _layout(
    material: Material, scale: Scale, sampler: str, file: str, judged_by_dynamics: bool
) -> Layout:
    if material.compositions is not None:
        return lay_out_compositions(scale, sampler, material.compositions, judged_by_dynamics)
    alloy = material.alloy
    cells = tuple(alloy.times(cell) for cell in scale.cells) if alloy else scale.cells
    return lay_out_crystal(
        replace(scale, cells=cells),
        sampler,
        quoted(file),
        _shared_sites(material.alloy),
        judged_by_dynamics,
    )


def _title(material: Material) -> str:
    if material.alloy is None:
        return choices.formula_of(material.structure)
    over = " over their compositions" if material.compositions else ""
    return f"random alloys of {', '.join(choices.by_electronegativity(material.structure))}{over}"


def _shared_sites(alloy: Alloy | None) -> str:
    """Write what becomes of shared sites; an empty line without them."""
    if alloy is None:
        return ""
    return (
        f"\n    shared_sites: random # {alloy.sites}; the nearest numbers of atoms, in another "
        "arrangement in each system"
    )


def _alloy_reasons(material: Material, cells: Sequence[Repeat]) -> list[tuple[str, str, str]]:
    alloy, alloys = material.alloy, material.compositions
    if alloys is not None:
        return [alloys.reason(cells[1])]
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


def _dynamics(step: Choice[float], cutoff: float, kpoint_spacing: float) -> str:
    """Write the section of the dynamics."""
    return template("dynamics").substitute(
        **_with_reason("step", step),
        thermostat=_THERMOSTAT_FS,
        equilibration=round(_EQUILIBRATION_FS / step.value),
        between=round(_BETWEEN_FRAMES_FS / step.value),
        rough_cutoff=round(0.7 * cutoff, 1),
        rough_kpoints=round(3.0 * kpoint_spacing, 4),
    )


def _with_reason(name: str, choice: Choice) -> dict[str, str]:
    return {name: f"{choice.value:g}", f"{name}_reason": choice.reason}
