import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import yaml

from rhocast.config import load_config, parse_config
from rhocast.descriptors import reach_bohr
from rhocast.errors import ConfigError, FileFormatError
from rhocast.grid import Mesh
from rhocast.inference.rank_memory import BYTES_PER_STORED_ATOM, rank_bytes
from rhocast.model import DensityModel
from rhocast.model.shipped import model_path
from rhocast.planning import Calibration, estimate, read_calibration
from rhocast.planning.machine import NO_ENGINE, subject_of
from rhocast.planning.work import CostLaw
from rhocast.structures import build_system

#: Demo-like costs on one core of a workstation.
CALIBRATION = Calibration(
    engine="abinit",
    subject={},
    scf=CostLaw(0.8, (2e-7, 1.8e-8)),
    scf_iterations=8.0,
    md_iterations=3.0,
    classical_s=1e-4,
    job_s=1.5,
    features_s=2e-5,
    n_features=60,
    training_s=1.5e-5,
    prediction_s=2e-5,
    evaluation_s=5e-4,
)


@pytest.fixture
def stages(root, monkeypatch):
    """Estimate a configuration, given as a file or as data."""
    monkeypatch.chdir(root)

    def of(settings):
        read = parse_config(settings) if isinstance(settings, dict) else load_config(settings)
        return {stage.name: stage for stage in estimate(read, CALIBRATION)}

    return of


def test_jobs_are_those_of_the_workflow(stages):
    """As `snakemake -n` counts them for the demo."""
    counted = {name: stage.jobs for name, stage in stages("config.yaml").items()}
    assert counted == {
        "structure": 6, "aimd": 11, "snapshots": 13, "scf": 13, "features": 2, "train": 1,
        "transfer": 1, "evaluate": 1, "predict": 3, "merge": 1, "figures": 1,
    }  # fmt: skip


def test_rounds_train_and_judge_again_and_the_first_is_the_cheapest(root, monkeypatch):
    monkeypatch.chdir(root)
    data = yaml.safe_load((root / "config.yaml").read_text())
    small = data["datasets"]["small"]
    data["datasets"]["first"] = [{**source, "frames": 1} for source in small]
    data["goal"] = {"rounds": ["first", "small"]}
    settings = parse_config(data)
    every, first = (
        {stage.name: stage for stage in estimate(part, CALIBRATION)}
        for part in (settings, settings.of_round(1))
    )
    assert [every[name].jobs for name in ("train", "transfer", "evaluate")] == [2, 2, 3]
    assert every["scf"].jobs - first["scf"].jobs == len(settings.snapshots("small")) - len(
        settings.snapshots("first")
    )
    assert sum(s.core_hours for s in first.values()) < sum(s.core_hours for s in every.values())


def test_what_is_done_twice_costs_twice(stages, root):
    data = yaml.safe_load((root / "config.yaml").read_text())
    once = stages(data)
    data["training"]["steps"] *= 2
    data["prediction"]["mesh_spacing_bohr"] /= 2
    twice = stages(data)
    start = CALIBRATION.job_s / 3600
    assert twice["train"].core_hours - start == pytest.approx(
        2 * (once["train"].core_hours - start)
    )
    assert twice["predict"].core_hours - 3 * start == pytest.approx(
        8 * (once["predict"].core_hours - 3 * start), rel=0.02
    )
    assert twice["merge"].disk_gb == pytest.approx(8 * once["merge"].disk_gb, rel=0.02)
    assert twice["scf"] == once["scf"]


def test_a_shift_that_is_drawn_costs_the_points_that_it_leaves(stages, root):
    """For the demo's odd meshes, Γ leaves half of the points and a general shift all of them."""
    data = yaml.safe_load((root / "config.yaml").read_text())
    costs = {}
    for shift in ("gamma", "random-half", "random"):
        data["dft"]["kpoint_shift"] = shift
        costs[shift] = stages(data)["scf"].core_hours - 13 * CALIBRATION.job_s / 3600
    assert costs["random"] > 1.5 * costs["gamma"]
    assert 0.8 * costs["gamma"] < costs["random-half"] < 0.8 * costs["random"]


def test_disk_of_densities_is_that_of_their_meshes(stages):
    """The demo's: eight of 21³ points, five of 42×21×21, four bytes each."""
    expected = 4e-9 * (8 * 21**3 + 5 * 42 * 21**2)
    assert stages("config.yaml")["scf"].disk_gb == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize(
    ("name", "atoms", "spacing", "edge"),
    [("al", 4 * 101**3, 0.25, 101 * 7.65), ("sige", 8 * 56**3, 0.4, 56 * 10.45)],
)
def test_the_campaigns_of_the_paper(stages, name, atoms, spacing, edge):
    """Millions of atoms are counted, not built."""
    found = stages(f"examples/paper-{name}.yaml")
    points = np.ceil(edge / spacing) ** 3
    assert found["merge"].disk_gb == pytest.approx((4 + 2 + 2) * 1e-9 * points)
    assert found["predict"].memory_gb > 1e-9 * BYTES_PER_STORED_ATOM * atoms > 0.1
    assert found["aimd"].core_hours > found["scf"].core_hours > found["converge_point"].core_hours
    assert found["scf"].longest_core_hours * found["scf"].jobs > found["scf"].core_hours


def test_a_certified_model_is_evaluated_at_fewer_points(stages, root, tmp_path):
    data = yaml.safe_load((root / "config.yaml").read_text()) | {"results": str(tmp_path)}
    data["prediction"]["mesh_spacing_bohr"] = 0.3
    plain = stages(data)
    folder = tmp_path / "models" / data["name"]
    folder.mkdir(parents=True)
    shutil.copy(model_path("al"), folder / "chosen.safetensors")
    certified = stages(data)
    start = 3 * CALIBRATION.job_s / 3600
    saved = (plain["predict"].core_hours - start) / (certified["predict"].core_hours - start)
    spacing = DensityModel.load("al").certificate.mesh_spacing_bohr
    assert saved == pytest.approx((spacing / 0.3) ** 3, rel=0.1)
    assert certified["merge"].disk_gb == plain["merge"].disk_gb
    del data["prediction"]["mesh_spacing_bohr"]
    assert stages(data)["merge"].disk_gb < 0.2 * plain["merge"].disk_gb
    shutil.rmtree(folder)
    coarser = stages(data)["merge"].disk_gb / plain["merge"].disk_gb
    assert coarser == pytest.approx((0.3 / 0.4) ** 3, rel=0.05)


def test_errors_cost_what_standard_deviations_cost(stages, root):
    """Also where fields are predicted without any."""
    data = yaml.safe_load((root / "config.yaml").read_text())
    data["prediction"]["uncertainty"] = "none"
    settings = parse_config(data)
    assert settings.prediction.evaluated_uncertainty == "sampled"
    once = {stage.name: stage for stage in estimate(settings, CALIBRATION)}
    slower = replace(CALIBRATION, evaluation_s=2 * CALIBRATION.evaluation_s)
    twice = {stage.name: stage for stage in estimate(settings, slower)}
    assert twice["predict"] == once["predict"]
    assert twice["evaluate"].core_hours > 1.5 * once["evaluate"].core_hours
    measured = replace(CALIBRATION, subject=subject_of(settings))
    data["prediction"]["samples"] = 70
    with pytest.raises(ConfigError, match=r"prediction\.samples 10, but .* 70"):
        measured.check(parse_config(data), "costs.json")


def test_the_memory_of_a_prediction_is_the_one_that_it_checks_itself(stages, root):
    """One model of memory; planning takes that without the compiled kernels."""
    settings = load_config("config.yaml")
    found = stages("config.yaml")["predict"].memory_gb
    largest = max(
        (
            build_system(settings.systems[name].model_copy(update={"temperature_K": None}), 1.0, 0)
            for name in settings.prediction.cells
        ),
        key=len,
    )
    spacing = settings.prediction.mesh_spacing_bohr
    mesh = Mesh.with_spacing(largest.cell, spacing)
    reach = reach_bohr(settings.descriptor, settings.baseline, ("Si", "Ge"))
    expected = rank_bytes(largest.cell, mesh.shape, len(largest), 3, reach, compiled=False)
    assert found == pytest.approx(1e-9 * expected, rel=1e-3)


def test_training_leaves_its_features_on_the_disk(stages, root):
    data = yaml.safe_load((root / "config.yaml").read_text())
    data["features"]["points_per_snapshot"] = 10**9
    for source in data["datasets"]["small"]:
        source["frames"] = 2000
    found = stages(data)
    assert found["features"].disk_gb > 3.0
    assert found["train"].memory_gb < 0.5 * found["features"].disk_gb


def test_a_calibration_is_kept_and_a_damaged_one_refused(tmp_path):
    path = tmp_path / "calibration.json"
    CALIBRATION.write(path)
    assert read_calibration(path) == CALIBRATION
    older = asdict(replace(CALIBRATION, subject={"prediction.uncertainty": "fast"}))
    del older["evaluation_s"]
    path.write_text(json.dumps(older))
    assert read_calibration(path).evaluation_s == CALIBRATION.prediction_s
    older["subject"] = {"prediction.uncertainty": "none"}
    path.write_text(json.dumps(older))
    with pytest.raises(FileFormatError, match=r"calibration\.json: .* give the name of a new file"):
        read_calibration(path)
    path.write_text("{}")
    with pytest.raises(FileFormatError, match=r"calibration\.json: expected a calibration"):
        read_calibration(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"material": {"pseudopotentials": {"Al": "spms"}}}, "material Ge 4, Si 4, but .* Al 3"),
        ({"dft": {"engine": "sparc"}}, r"dft\.engine abinit, but the configuration has sparc"),
        ({"network": {"width": 8}}, "network .*64.* but .*8"),
        ({"baseline": {"cutoff_bohr": 9.0}}, "baseline .*10.* but .*9"),
    ],
)
def test_a_calibration_of_something_else_is_refused(root, monkeypatch, changes, message):
    monkeypatch.chdir(root)
    data = yaml.safe_load((root / "config.yaml").read_text())
    demo = parse_config(data)
    measured = replace(CALIBRATION, subject=subject_of(demo))
    measured.check(demo, "costs.json")
    for section, keys in changes.items():
        data[section] = data.get(section, {}) | keys
    if "material" in changes:
        for system in data["systems"].values():
            system["composition"] = {"Al": 1.0}
    with pytest.raises(ConfigError, match=rf"costs\.json: measured for {message}"):
        measured.check(parse_config(data), "costs.json")


def test_dynamics_that_were_not_measured_are_never_free(root, monkeypatch, tmp_path):
    monkeypatch.chdir(root)
    demo = load_config("config.yaml")
    subject = subject_of(demo)
    assert replace(CALIBRATION, subject=subject).lacking(demo) == []
    springs = replace(CALIBRATION, subject=subject | {"aimd": None}, md_iterations=None)
    assert springs.lacking(demo) == ["aimd"]
    springs.check(demo, "costs.json")  # what it lacks can be measured
    with pytest.raises(ConfigError, match="aimd: the calibration has measured no such dynamics"):
        estimate(demo, springs)
    older = tmp_path / "costs.json"
    older.write_text(json.dumps(asdict(springs) | {"md_iterations": 0.0, "classical_s": 0.0}))
    assert read_calibration(older).lacking(demo) == ["aimd"]
    other = subject | {"aimd": subject["aimd"] | {"scf_tolerance": 1e-9}}
    assert replace(CALIBRATION, subject=other).lacking(demo) == ["aimd"]


def test_costs_without_an_engine_serve_no_campaign_that_needs_one(root, monkeypatch):
    monkeypatch.chdir(root)
    demo = load_config("config.yaml")
    measured = replace(CALIBRATION, engine=NO_ENGINE, subject=subject_of(demo))
    with pytest.raises(ConfigError, match=r"dft\.engine none, but the configuration has"):
        measured.check(demo, "costs.json")
