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


def test_errors_are_drawn(tmp_path):
    rng = np.random.default_rng(0)
    reference = rng.random(5000) * 0.08
    std = np.full(5000, 1e-3)
    draw_errors(reference + std * rng.standard_normal(5000), std, reference, tmp_path / "e.png")
    picture = imread(tmp_path / "e.png")
    assert picture[..., :3].std() > 0.05
