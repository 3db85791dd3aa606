"""What each key of the configuration makes run again: every key alone, and data with learning.

The campaign is finished by stubs that carry the stamps of their jobs; only plans are made.
"""

import copy
import itertools
import os
import shutil
from typing import Annotated, Any, get_args, get_origin

import pytest
import yaml
from planning import finish, outputs, planned, rules_of
from pydantic import BaseModel
from snakemake.settings.types import RerunTrigger

from rhocast.config import Config, parse_config
from rhocast.structures import read_structure, write_structure
from rhocast.workflow.campaign import Campaign
from rhocast.workflow.check import check_results

# Snakemake leaves the environment files that it reads open.
pytestmark = [
    pytest.mark.workflow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FIELD = {"predict", "merge", "figures", "summary"}
TRANSFER = {"transfer", "evaluate", "choose", "worst_snapshot"} | FIELD
JUDGED = {"evaluate", "choose", "worst_snapshot"}
LEARNING = {"features", "train"} | TRANSFER
JUDGED_STUDY = {"converge", "summary"}  # whose verdict tells what the reference leaves uncertain
STUDIED = {"converge_point"} | JUDGED_STUDY
STUDY = {"converge_structure"} | STUDIED
SINGLE_POINTS = {"scf"} | LEARNING
AIMD = {"aimd", "dynamics", "snapshots"} | SINGLE_POINTS
CLASSICAL = {"classical", "acquire", "dynamics", "snapshots"} | SINGLE_POINTS - {"train"}
SAMPLED = AIMD - {"aimd"} | {"classical"}
CELL = {"structure"} | FIELD
ENGINE = {"engine", "structure"} | AIMD | CLASSICAL | STUDY
FILE = "../Ge.psp8"
CELLS = ("si64", "filed", "plain", "hexagonal", "defect")
SUMS = {"cutoff_bohr": 9.0, "radial_functions": 4, "shortest_bohr": 3.0, "angular": 3}
VOLUMES = {"systems": ["si8"]}
MEASURED = {"lattice_constant_bohr": 10.26, "bulk_modulus_gpa": 99}

#: Each key of the types; ``*`` stands for any name. What is changed, to what, and the rules that
#: depend on it. Several entries for a key where it matters in one place and not in another.
MATRIX: list[tuple[str, str, Any, set[str]]] = [
    ("name", "name", "other", {"train"} | TRANSFER),
    ("seed", "seed", 2, {"structure"} | AIMD | CLASSICAL),
    ("results", "results", "elsewhere", ENGINE),
    (
        "material.pseudopotentials",
        "material.pseudopotentials.Si",
        FILE,
        AIMD | STUDIED,
    ),
    ("material.pseudopotentials", "material.pseudopotentials.C", "spms", LEARNING),
    ("material.debye_temperature_K", "material.debye_temperature_K", 600, {"structure"} | AIMD),
    ("systems.*.file", "systems.filed.file", "../other.extxyz", CELL),
    ("systems.*.lattice", "systems.plain.lattice", "bcc", CELL),
    ("systems.*.lattice_constant_bohr", "systems.plain.lattice_constant_bohr", 7.7, CELL),
    (
        "systems.*.lattice_constant_bohr",
        "systems.si8.lattice_constant_bohr",
        10.4,
        {"structure"} | AIMD | STUDY,
    ),
    ("systems.*.c_over_a", "systems.hexagonal.c_over_a", 1.6, CELL),
    ("systems.*.axes", "systems.hexagonal.axes", "hexagonal", CELL),
    ("systems.*.repeat", "systems.plain.repeat", [2, 1, 1], CELL),
    (
        "systems.*.composition",
        "systems.mixed.composition",
        {"Si": 0.75, "Ge": 0.25},
        {"structure"} | CLASSICAL,
    ),
    ("systems.*.shared_sites", "systems.filed.shared_sites", "random", CELL),
    ("systems.*.dislocation", "systems.defect.dislocation", "screw", CELL),
    ("systems.*.grain_boundary", "systems.defect.grain_boundary", [2, 1, 0], CELL),
    ("systems.*.vacancies", "systems.defect.vacancies", 1, CELL),
    ("systems.*.strain", "systems.plain.strain", 0.01, CELL),
    ("systems.*.temperature_K", "systems.plain.temperature_K", 300, CELL),
    ("dft.engine", "dft.engine", "auto", {"dynamics"}),  # a mesh may matter to the other engine
    ("dft.functional", "dft.functional", "pbesol", AIMD | STUDIED),
    ("dft.mesh_spacing_bohr", "dft.mesh_spacing_bohr", 0.7, SINGLE_POINTS | STUDIED),
    ("dft.cutoff_ha", "dft.cutoff_ha", 6, SINGLE_POINTS | STUDIED),
    ("dft.kpoint_spacing_per_bohr", "dft.kpoint_spacing_per_bohr", 0.5, AIMD | STUDIED),
    ("dft.kpoint_shift", "dft.kpoint_shift", "gamma", AIMD | STUDIED),
    ("dft.smearing_K", "dft.smearing_K", 700, AIMD | STUDIED),
    ("dft.scf_tolerance", "dft.scf_tolerance", 1e-5, SINGLE_POINTS | STUDIED),
    ("dft.max_scf_iterations", "dft.max_scf_iterations", 70, AIMD | STUDIED),
    ("dft.sparc", "dft.sparc", {"MIXING_PARAMETER": 0.2}, set()),
    ("dft.abinit", "dft.abinit", {"boxcutmin": 1.8}, AIMD | STUDIED),
    ("aimd.timestep_fs", "aimd.timestep_fs", 1.5, AIMD),
    ("aimd.thermostat_time_fs", "aimd.thermostat_time_fs", 60, AIMD),
    ("aimd.equilibration_steps", "aimd.equilibration_steps", 3, AIMD),
    ("aimd.steps_between_frames", "aimd.steps_between_frames", 2, AIMD),
    ("aimd.correlated_frames", "aimd.correlated_frames", "spread", AIMD),
    ("aimd.max_steps_between_frames", "aimd.max_steps_between_frames", 9, set()),  # of `spread`
    ("aimd.scf_tolerance", "aimd.scf_tolerance", 2e-3, AIMD),
    ("aimd.cutoff_ha", "aimd.cutoff_ha", 4.5, AIMD),
    ("aimd.mesh_spacing_bohr", "aimd.mesh_spacing_bohr", 0.8, set()),  # ABINIT stores no density
    ("aimd.kpoint_spacing_per_bohr", "aimd.kpoint_spacing_per_bohr", 0.7, AIMD),
    ("aimd.kpoint_shift", "aimd.kpoint_shift", "gamma", AIMD),
    ("classical.potential", "classical.potential", "emt", CLASSICAL),
    ("classical.arguments", "classical.arguments", {"a": 1}, CLASSICAL),
    ("classical.timestep_fs", "classical.timestep_fs", 1.0, CLASSICAL),
    ("classical.thermostat_time_fs", "classical.thermostat_time_fs", 100, CLASSICAL),
    ("classical.equilibration_steps", "classical.equilibration_steps", 30, CLASSICAL),
    ("classical.steps_between_frames", "classical.steps_between_frames", 20, CLASSICAL),
    ("classical.correlated_frames", "classical.correlated_frames", "spread", CLASSICAL),
    ("classical.max_steps_between_frames", "classical.max_steps_between_frames", 99, set()),
    ("classical.liquid_from_K", "classical.liquid_from_K", 850, set()),  # 900 K melts either way
    ("classical.liquid_from_K", "classical.liquid_from_K", 950, CLASSICAL),
    ("classical.melting_K", "classical.melting_K", 2500, CLASSICAL),
    ("convergence.system", "convergence.system", "si16", STUDY),
    ("convergence.temperature_K", "convergence.temperature_K", 300, STUDY),
    *(
        (f"convergence.{key}", f"convergence.{key}", [3.0], STUDIED)
        for key in ("kpoints", "resolution", "smearing", "scf_tolerance")
    ),
    *(
        (f"convergence.{key}", f"convergence.{key}", 2e-3, JUDGED_STUDY)
        for key in ("max_density_share", "max_energy_ha_per_atom", "max_force_ha_per_bohr")
    ),
    ("convergence.require", "convergence.require", True, JUDGED_STUDY),
    ("datasets.*.system", "datasets.small.0.system", "si8b", {"structure"} | AIMD),
    ("datasets.*.sampler", "datasets.small.0.sampler", "classical", SAMPLED),
    (
        "datasets.*.sampler",
        "datasets.small.0.sampler",
        "springs",
        {"snapshots"} | SINGLE_POINTS,
    ),
    ("datasets.*.temperatures_K", "datasets.small.0.temperatures_K", [300, 450], AIMD),
    ("datasets.*.frames", "datasets.small.0.frames", 3, AIMD),
    ("datasets.*.frames", "datasets.small.0.frames", 1, LEARNING),
    ("datasets.*.pool", "datasets.large.1.pool", 4, CLASSICAL),
    ("packages.*.datasets", "packages.p.datasets", ["small", "test"], set()),
    ("packages.*.title", "packages.p.title", "New", set()),
    ("packages.*.description", "packages.p.description", "New", set()),
    ("packages.*.licence", "packages.p.licence", "CC0-1.0", set()),
    ("features.points_per_snapshot", "features.points_per_snapshot", 700, LEARNING),
    ("features.max_rejected_share", "features.max_rejected_share", 0.3, LEARNING),
    *(
        (f"descriptor.{key}", f"descriptor.{key}", value, LEARNING)
        for key, value in (
            ("cutoff_bohr", 8.0), ("distances", 7), ("angle_atoms", 2), ("angle_neighbours", 1),
        )
    ),
    *(
        (
            f"descriptor.{key}",
            "descriptor",
            {"kind": "smooth", **SUMS},
            LEARNING,
        )
        for key in ("kind", "radial_functions", "shortest_bohr", "angular")
    ),
    *(
        (f"baseline.{key}", f"baseline.{key}", value, LEARNING)
        for key, value in (("cutoff_bohr", 11.0), ("intervals", 40), ("ridge", 1e-7))
    ),
    *(
        (f"baseline.multipoles.{key}", f"baseline.multipoles.{key}", value, LEARNING)
        for key, value in (
            ("cutoff_bohr", 8.0), ("radial_functions", 5), ("shortest_bohr", 2.5), ("angular", 2),
            ("atoms_per_bohr3", 0.007), ("products.radial_functions", 1), ("products.angular", 1),
        )
    ),
    *(
        (f"network.{key}", f"network.{key}", value, {"train"} | TRANSFER)
        for key, value in (
            ("width", 8), ("blocks", 2), ("layers_per_block", 3), ("prior_std", 0.5),
        )
    ),
    *(
        (f"{section}.{key}", f"{section}.{key}", value, rules)
        for section, rules in (("training", {"train"} | TRANSFER), ("transfer", TRANSFER))
        for key, value in (
            ("steps", 99), ("batch_size", 128), ("learning_rate", 0.02), ("validation_share", 0.2),
            ("validation_trajectories", ["si8/300K/0"]), ("patience", 2),
        )
    ),
    ("training.dataset", "training.dataset", "more", LEARNING),
    ("transfer.dataset", "transfer.dataset", "more", {"features"} | TRANSFER),
    ("transfer.share", "transfer.share", 0.5, TRANSFER),
    ("transfer.frozen_share", "transfer.frozen_share", 0.5, TRANSFER),
    ("evaluation", "evaluation", ["test", "more"], {"evaluate", "summary"}),
    ("prediction.cells", "prediction.cells", [*CELLS, "si8"], CELL),
    ("prediction.mesh_spacing_bohr", "prediction.mesh_spacing_bohr", 0.8, FIELD),
    ("prediction.shards", "prediction.shards", 3, FIELD),
    ("prediction.uncertainty", "prediction.uncertainty", "fast", FIELD | JUDGED),
    ("prediction.samples", "prediction.samples", 5, FIELD | JUDGED),
    ("studies.steps", "studies.steps", 9, set()),
    ("studies.seeds", "studies.seeds", 3, set()),
    ("studies.descriptor_sizes", "studies.descriptor_sizes", [0.5], set()),
    ("studies.max_gain", "studies.max_gain", 0.1, set()),
    ("studies.larger", "studies.larger", "test", set()),
    ("studies.vacancy", "studies.vacancy", "small", set()),
    # Asked for by name: `snakemake physics`.
    ("energies.datasets", "energies", {"datasets": ["test"]}, set()),
    ("energies.samples", "energies", {"datasets": ["test"], "samples": 4}, set()),
    *(
        (f"bands.{key}", "bands", VOLUMES | other, set())
        for key, other in (
            ("systems", {}), ("path", {"path": "GX"}), ("compare_dft", {"compare_dft": False}),
            ("dos_kpoint_spacing_per_bohr", {"dos_kpoint_spacing_per_bohr": 0.2}),
        )
    ),
    *(
        (f"equation_of_state.{key}", "equation_of_state", VOLUMES | other, set())
        for key, other in (
            ("systems", {}), ("strains", {"strains": [-0.02, -0.01, 0.0, 0.01, 0.02]}),
            ("compare_dft", {"compare_dft": False}), ("samples", {"samples": 4}),
            ("experiment.lattice_constant_bohr", {"experiment": MEASURED}),
            ("experiment.bulk_modulus_gpa", {"experiment": MEASURED | {"bulk_modulus_gpa": 98}}),
        )
    ),
]  # fmt: skip

DATA = [entry for entry in MATRIX if entry[3] & {"scf", "aimd", "classical", "structure"}]
LEARNT = [entry for entry in MATRIX if entry[3] and not entry[3] - LEARNING]


def keys_of(section: type[BaseModel], prefix: str = "") -> set[str]:
    """Return the keys of a section and of those within it; ``*`` for a name."""
    found = set()
    for name, field in section.model_fields.items():
        inner = _sections(field.annotation)
        named = get_origin(field.annotation) is dict
        for part in inner:
            found |= keys_of(part, f"{prefix}{name}.*." if named else f"{prefix}{name}.")
        if not inner:
            found.add(prefix + name)
    return found


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections(part)]


def edited(config: dict, path: str, value: Any) -> dict:
    """Return a copy with one key changed; sections on the way are made."""
    config = copy.deepcopy(config)
    *way, last = path.split(".")
    part: Any = config
    for key in way:
        part = part[int(key)] if isinstance(part, list) else part.setdefault(key, {})
    part[last] = value
    return config


@pytest.fixture(scope="module")
def config(root):
    """A small campaign in which every kind of result occurs."""
    found = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    silicon = found["systems"]["si8"]
    found["material"]["pseudopotentials"]["Ge"] = FILE
    plain = {"lattice": "fcc", "lattice_constant_bohr": 7.6, "composition": {"Si": 1.0}}
    found["systems"] |= {
        "si8b": dict(silicon),
        "mixed": {**silicon, "composition": {"Si": 0.5, "Ge": 0.5}},
        "filed": {"file": "../cell.extxyz"},
        "plain": plain,
        "hexagonal": {**plain, "lattice": "hcp"},
        "defect": {**silicon, "repeat": [4, 4, 4]},
    }
    found["aimd"]["cutoff_ha"] = 4
    found["classical"] = {
        "potential": "tersoff", "equilibration_steps": 20, "steps_between_frames": 10,
        "correlated_frames": "accept", "liquid_from_K": 800, "melting_K": 2000,
    }  # fmt: skip
    found["convergence"] = {
        "system": "si8", "kpoints": [1.33], "resolution": [1.25], "smearing": [2.0],
        "scf_tolerance": [10.0],
    }  # fmt: skip
    source = {"system": "si16", "temperatures_K": [300], "frames": 1}
    melted = {"system": "mixed", "sampler": "classical", "temperatures_K": [900], "frames": 1}
    found["datasets"] = {
        "small": [{"system": "si8", "temperatures_K": [300], "frames": 2}],
        "large": [source, {**melted, "pool": 3}],
        "test": [{**source, "temperatures_K": [600]}],
        "more": [{**source, "temperatures_K": [700]}],
    }
    found["packages"] = {"p": {"datasets": ["small"], "title": "T", "description": "D"}}
    products = {"radial_functions": 2, "angular": 2}
    found["baseline"] = {"multipoles": {**SUMS, "products": products}}
    found["prediction"]["cells"] = list(CELLS)
    return found


@pytest.fixture(scope="module")
def campaign(root, config, tmp_path_factory):
    """The folder of the finished campaign."""
    around = tmp_path_factory.mktemp("matrix")
    shutil.copy(root / "data/pseudopotentials/Ge-low.psp8", around / "Ge.psp8")
    folder = around / "campaign"
    folder.mkdir()
    cell = read_structure(root / "tests/data/densities/si8/300K/0.h5")
    for number, name in enumerate(("cell", "other")):
        shifted = cell.positions + 0.1 * number
        write_structure(around / f"{name}.extxyz", type(cell)(shifted, cell.cell, cell.numbers))
    here = os.getcwd()  # noqa: PTH109
    os.chdir(folder)
    finish(folder, config, "--forceall", forceall=True)
    yield folder
    os.chdir(here)


def test_every_key_of_the_types_is_in_the_table():
    goal = {key for key in keys_of(Config) if key.startswith("goal.")}  # see test_rounds.py
    assert keys_of(Config) - goal == {key for key, *_ in MATRIX}


@pytest.fixture(scope="module")
def plan(campaign, config):
    """Plan edits of the configuration; those of one key once."""
    known: dict[str, set[str]] = {}

    def start(*edits: tuple[str, Any], **settings: Any) -> set[str]:
        key = repr((edits, settings))
        if key not in known:
            changed = config
            for path, value in edits:
                changed = edited(changed, path, value)
            known[key] = planned(campaign, changed, **settings)
        return known[key]

    return start


def test_a_finished_campaign_has_nothing_to_do(plan):
    assert plan() == set()


def test_snakemake_compares_everything_and_reruns_nothing(campaign, config):
    """Without a profile, code and software environment count, too."""
    assert planned(campaign, config, rerun_triggers=RerunTrigger.all()) == set()


@pytest.mark.parametrize(
    ("path", "value", "expected"), [pytest.param(*e[1:], id=f"{e[0]}-{e[2]!r:.20}") for e in MATRIX]
)
def test_a_key_reruns_what_depends_on_it(plan, path, value, expected):
    assert rules_of(plan((path, value))) == expected


PAIRS = [(d[1:], other[1:]) for d, other in itertools.product(DATA, LEARNT) if d[1] != other[1]]
#: In a usual run one pair of so many is planned, and one of more is run.
PLANNED, RUN = 149, 397


def _sample(every: int) -> list[Any]:
    return [
        pytest.param(
            *pair,
            id=f"{pair[0][0]}-{pair[1][0]}",
            marks=[] if number % every == 0 else [pytest.mark.exhaustive],
        )
        for number, pair in enumerate(PAIRS)
    ]


@pytest.mark.parametrize(("data", "learning"), _sample(PLANNED))
def test_two_keys_rerun_what_depends_on_either(plan, data, learning):
    edits = data[:2], learning[:2]
    alone = plan(edits[0]) | plan(edits[1])
    # One key may take away jobs of the other, or make new ones only together with it.
    known = plan(edits[0], forceall=True) | plan(edits[1], forceall=True)
    together = plan(*edits, forceall=True)
    assert plan(*edits) == (alone & together) | (together - known)
    assert rules_of(alone) == data[2] | learning[2]


@pytest.mark.parametrize(("data", "learning"), _sample(RUN)[::RUN])
def test_after_a_run_nothing_differs_and_nothing_is_left_to_do(
    campaign, config, data, learning, tmp_path
):
    folder = tmp_path / "campaign"
    shutil.copytree(campaign.parent, tmp_path, dirs_exist_ok=True)
    changed = edited(edited(config, *data[:2]), *learning[:2])
    here = os.getcwd()  # noqa: PTH109
    os.chdir(folder)
    try:
        before = {v.path for v in check_results(campaign_of(changed)) if v.differing}
        assert before
        finish(folder, changed)
        # What only the former configuration made stays behind, and is told to differ.
        left = {v.path for v in check_results(campaign_of(changed)) if v.differing}
        assert not left & outputs(folder, changed)
        assert planned(folder, changed) == set()
    finally:
        os.chdir(here)


def campaign_of(config: dict) -> Campaign:
    return Campaign(parse_config(config), "my.yaml")
