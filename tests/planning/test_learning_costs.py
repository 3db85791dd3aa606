"""Learning is timed in miniature, and predictions as a campaign asks for them."""

import pytest
import yaml

from rhocast.config import parse_config
from rhocast.engines import resolve_pseudopotentials
from rhocast.planning import learning_costs
from rhocast.planning.miniature import probe_cells


@pytest.mark.parametrize(
    ("uncertainty", "timed"),
    [("none", {"none", "sampled"}), ("fast", {"fast"}), ("sampled", {"sampled"})],
)
def test_predictions_are_timed_with_the_uncertainties_of_fields_and_of_errors(
    uncertainty, timed, root, tmp_path, monkeypatch
):
    """Without one in the fields, errors are measured with another, which takes far longer."""
    data = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    data["prediction"]["uncertainty"] = uncertainty
    settings = parse_config(data)
    material = settings.material
    files = resolve_pseudopotentials(material.pseudopotentials, settings.dft.functional)
    asked = []
    monkeypatch.setattr(
        learning_costs, "predict_on_mesh", lambda model, structure, mesh, o: asked.append(o)
    )
    monkeypatch.setattr(learning_costs, "_TRAINING_STEPS", (1, 2, 3))
    (tmp_path / "probe/0K").mkdir(parents=True)
    found = learning_costs.time_learning(settings, probe_cells(settings)[0], files, tmp_path)
    assert {options.uncertainty for options in asked} == timed
    assert all(o.samples == settings.prediction.samples for o in asked)
    same = timed == {uncertainty}
    assert (found["evaluation_s"] == found["prediction_s"]) == same
