from itertools import islice

import numpy as np
import pytest
from matplotlib.image import imread

from rhocast.errors import ConfigError
from rhocast.studies import sigma
from rhocast.studies.sigma import doubled, draw_sigma, sigma_by_size
from rhocast.studies.trials import train_trials


@pytest.fixture
def model(tiny, small):
    return train_trials(tiny.recipe, small, [0])[0]


@pytest.fixture
def options():
    return {"debye_temperature_K": 640.0, "seed": 0}


def test_sigma_knows_no_size(tiny, model, options, tmp_path, monkeypatch):
    """The same atoms at the same temperature: σ of 8 is σ of 512."""
    monkeypatch.setattr(sigma, "PLACES", 32)
    monkeypatch.setattr(sigma, "_ATOMS", 256)
    rows = sigma_by_size(model, tiny.training_cell, max_atoms=600, **options)
    assert [row.atoms for row in rows] == [8, 64, 512]
    assert [row.cells for row in rows] == [32, 4, 1]
    assert {row.points for row in rows} == {32 * sigma.POINTS}
    medians = np.array([row.std_50 for row in rows])
    assert medians.max() < 1.25 * medians.min()
    for row in rows:
        quantiles = [row.std_05, row.std_25, row.std_50, row.std_75, row.std_95]
        assert quantiles == sorted(quantiles)
        assert 0.0 < row.epistemic_50 < row.std_50
    draw_sigma(rows, 300.0, tmp_path / "sigma.png")
    assert imread(tmp_path / "sigma.png")[..., :3].std() > 0.05


def test_cells_are_doubled_at_the_lowest_temperature_of_training(tiny):
    cells = list(islice(doubled(tiny.training_cell), 3))
    assert [cell.repeat for cell in cells] == [(1, 1, 1), (2, 2, 2), (4, 4, 4)]
    assert {cell.temperature_K for cell in cells} == {300.0}


def test_a_cell_from_a_file_is_refused(tiny, root):
    cell = tiny.training_cell.model_copy(update={"file": "al.cif"})
    with pytest.raises(ConfigError, match=r"al\.cif cannot be repeated"):
        next(doubled(cell))
