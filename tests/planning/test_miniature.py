import pytest
import yaml

from rhocast.config import parse_config
from rhocast.planning import calibrate, estimate
from rhocast.planning.miniature import bulk, probe_cells


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
    assert calibration.classical_s == 0.0
    for name in ("job_s", "features_s", "prediction_s", "evaluation_s"):
        assert getattr(calibration, name) > 0.0, name
    by_name = {stage.name: stage for stage in estimate(tiny, calibration)}
    assert by_name["scf"].core_hours < 0.1
