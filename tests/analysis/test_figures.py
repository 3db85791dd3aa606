import numpy as np
import pytest
from ase.build import bulk
from matplotlib.image import imread

from rhocast.analysis.figures import draw_errors, largest_void
from rhocast.analysis.plane import in_plane
from rhocast.structures import Structure


@pytest.mark.parametrize(("element", "lattice"), [("Al", "fcc"), ("Si", "diamond"), ("Fe", "bcc")])
@pytest.mark.parametrize("vacancy", [0, 11])
def test_the_largest_void_is_the_vacancy(element, lattice, vacancy):
    crystal = Structure.from_ase(bulk(element, lattice, cubic=True).repeat(2))
    kept = np.arange(len(crystal)) != vacancy
    defect = Structure(crystal.positions[kept], crystal.cell, crystal.numbers[kept])
    found = largest_void(defect, spacing_bohr=0.5)
    apart = found - crystal.fractional[vacancy]
    apart -= np.round(apart)
    assert np.linalg.norm(apart @ crystal.cell) < 1.0


@pytest.mark.parametrize("hand", [1.0, -1.0])
def test_the_plane_is_drawn_without_distortion(hand):
    cell = np.array([[5.0, 1.0, 0.3], [-2.0, 6.0, 0.9], [0.2, 0.1, 7.0 * hand]])
    scaled = np.random.default_rng(0).random((40, 2))
    drawn = np.stack(in_plane(scaled, *cell[:2]), axis=-1)
    real = scaled @ cell[:2]
    distances = [np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (drawn, real)]
    np.testing.assert_allclose(*distances)


def test_the_errors_of_each_model_are_drawn_in_its_row(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.figures.save_figure", lambda figure, _: drawn.append(figure)
    )
    rng = np.random.default_rng(0)
    reference, noise = rng.random(5000) * 0.08, 1e-3 * rng.standard_normal(5000)
    widths = {"base": 1e-3, "transferred": 3e-3}  # the second is not calibrated
    models = {
        name: (reference + noise, np.full(5000, width), reference) for name, width in widths.items()
    }
    draw_errors(models, tmp_path / "e.png")
    first, second = drawn[0].subfigs
    assert [row.get_suptitle() for row in (first, second)] == list(widths)
    told = [float(row.axes[2].get_title().split()[-1]) for row in (first, second)]
    assert told[0] < 0.02
    assert told[1] > 0.2


def test_errors_are_drawn(tmp_path):
    rng = np.random.default_rng(0)
    reference = rng.random(5000) * 0.08
    std = np.full(5000, 1e-3)
    values = (reference + std * rng.standard_normal(5000), std, reference)
    draw_errors({"base": values}, tmp_path / "e.png")
    assert imread(tmp_path / "e.png")[..., :3].std() > 0.05
