import pytest
import yaml

from rhocast.cli.main import main
from rhocast.cli.plan import table
from rhocast.config import parse_config
from rhocast.errors import ConfigError, EngineError
from rhocast.planning import Calibration, calibrate, estimate, read_calibration
from rhocast.planning.machine import subject_of
from rhocast.planning.miniature import bulk, probe_cells
from rhocast.planning.work import CostLaw


@pytest.fixture
def tiny(root, monkeypatch):
    monkeypatch.chdir(root)
    return parse_config(yaml.safe_load((root / "tests/data/tiny.yaml").read_text()))


def test_probes_are_perfect_crystals_of_growing_size(tiny):
    assert [len(probe) for probe in probe_cells(tiny)] == [8, 16, 32]
    assert bulk(tiny.systems["si64"], (1, 1, 1)).vacancies == 0


@pytest.mark.abinit
def test_a_miniature_of_the_campaign_is_timed(tiny):
    calibration = calibrate(tiny)
    assert calibration.engine == "abinit"
    assert max(calibration.scf.coefficients) > 0.0
    assert calibration.md_iterations >= 1.0
    assert calibration.classical_s is None
    for name in ("job_s", "features_s", "prediction_s", "evaluation_s"):
        assert getattr(calibration, name) > 0.0, name
    by_name = {stage.name: stage for stage in estimate(tiny, calibration)}
    assert by_name["scf"].core_hours < 0.1


@pytest.mark.abinit
def test_a_stored_calibration_is_given_the_dynamics_that_it_lacks(root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    data = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    tiny, costs = parse_config(data), tmp_path / "costs.json"
    scf = CostLaw(0.5, (1e-7, 1e-8))
    lacking = Calibration(
        "abinit", subject_of(tiny) | {"aimd": None}, scf, 8.0, None, None, 1.0, 1e-5, 60, 1e-5,
        1e-5, 1e-4,
    )  # fmt: skip
    lacking.write(costs)
    data["results"] = str(tmp_path)
    campaign = tmp_path / "tiny.yaml"
    campaign.write_text(yaml.safe_dump(data))
    assert main(["plan", str(campaign), "--calibration", str(costs)]) == 0
    stored = read_calibration(costs)
    assert stored.lacking(tiny) == []
    assert stored.md_iterations >= 1.0
    assert stored.scf == scf
    assert main(["plan", str(campaign), "--calibration", str(costs)]) == 0
    assert read_calibration(costs) == stored  # nothing is measured again


def test_runs_that_a_stored_calibration_does_not_take_in_are_refused(root, tmp_path, capsys):
    costs = tmp_path / "costs.json"
    Calibration("abinit", {}, CostLaw(0.5, (1e-7, 1e-8)), *[1.0] * 9).write(costs)
    words = ["plan", str(root / "config.yaml"), "--calibration", str(costs), "--finished", "0.h5"]
    assert main(words) == 2
    assert "costs.json is measured already and takes no runs in" in capsys.readouterr().err


def test_imported_densities_are_planned_without_an_engine(root, monkeypatch):
    """What is there need not be computed: features, training and prediction remain."""
    monkeypatch.chdir(root)
    data = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    cells = {name: f"tests/data/densities/si8/{name[1:]}K/0.h5" for name in ("t300", "t900")}
    vacancy = {"lattice": "diamond", "lattice_constant_bohr": 10.26, "composition": {"Si": 1.0}}
    imported = {"sampler": "imported", "temperatures_K": [300], "frames": 1}
    data = {key: value for key, value in data.items() if key not in ("aimd", "transfer", "goal")}
    data |= {
        "systems": {name: {"file": file} for name, file in cells.items()} | {"vacancy": vacancy},
        "datasets": {name: [imported | {"system": name}] for name in cells},
        "training": data["training"] | {"dataset": "t300"},
        "evaluation": ["t900"],
        "prediction": {"cells": ["vacancy"]},
    }
    settings = parse_config(data)
    monkeypatch.setattr("rhocast.planning.miniature.resolve_engine", _no_engine)
    monkeypatch.setattr("rhocast.planning.miniature._time_start", lambda: 1.0)  # saves seconds
    calibration = calibrate(settings)
    stages = estimate(settings, calibration)
    assert [stage.name for stage in stages] == [
        "structure", "features", "train", "transfer", "evaluate", "predict", "merge", "figures",
    ]  # fmt: skip
    assert "No single points are computed" in table(stages, calibration)
    with pytest.raises(ConfigError, match="--finished: the campaign computes no single points"):
        calibrate(settings, [root / cells["t300"]])


def _no_engine(name):
    raise EngineError("no DFT engine on the PATH")
