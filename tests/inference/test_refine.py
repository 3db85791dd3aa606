"""Finer meshes and parts of the cell: the density that was there, and all its electrons."""

import numpy as np
import pytest
from small_model import make_structure

from rhocast.errors import RhocastError
from rhocast.inference import DensityField, read_density, refine, write_density

COARSE = (19, 15, 21)


def axes_of(shape, part=((0.0, 1.0),) * 3):
    """Fractional coordinates of the points of a part of the cell, for each axis."""
    return [a + np.arange(n) * (b - a) / n for n, (a, b) in zip(shape, part, strict=True)]


def waves(axes):
    """Compute a real band-limited function on a mesh."""
    rng = np.random.default_rng(2)
    x, y, z = np.meshgrid(*axes, indexing="ij")
    values = np.full(x.shape, 0.03)
    for _ in range(12):
        (i, j, k), phase = rng.integers(-3, 4, 3), rng.random()
        values += 0.002 * np.cos(2 * np.pi * (i * x + j * y + k * z + phase))
    return values


@pytest.fixture
def source(tmp_path):
    structure = make_structure()
    std = np.random.default_rng(1).random((2, *COARSE), dtype=np.float32)
    field = DensityField(
        structure, waves(axes_of(COARSE)).astype(np.float32), *std, record={"n_electrons": 17.0}
    )
    write_density(tmp_path / "coarse.h5", field)
    return tmp_path / "coarse.h5"


def test_a_band_limited_density_is_found_again_and_no_electron_lost(source, tmp_path):
    coarse = read_density(source)
    refine(source, tmp_path / "fine.h5", 0.3)
    fine = read_density(tmp_path / "fine.h5")
    assert (fine.mesh.spacing <= 0.3).all()
    np.testing.assert_allclose(fine.density, waves(axes_of(fine.mesh.shape)), rtol=0, atol=2e-5)
    assert fine.electron_count == pytest.approx(coarse.electron_count, rel=1e-8)
    assert abs(fine.record["refined_scale"] - 1.0) < 1e-5
    assert tuple(fine.record["refined_from_mesh"]) == COARSE


def test_standard_deviations_stay_between_their_neighbours(source, tmp_path):
    refine(source, tmp_path / "fine.h5", 0.25)
    fine, coarse = read_density(tmp_path / "fine.h5"), read_density(source)
    for name in ("epistemic_std", "aleatoric_std"):
        values = getattr(fine, name)
        assert values.min() >= 0.999 * getattr(coarse, name).min()
        assert values.max() <= 1.001 * getattr(coarse, name).max()


@pytest.mark.parametrize(
    "part", [((0.2, 0.9), (0.0, 1.0), (0.1, 0.7)), ((-0.3, 0.4), (0.5, 1.2), (0.0, 1.0))]
)
def test_a_part_is_that_part_of_the_whole(part, source, tmp_path):
    refine(source, tmp_path / "part.h5", 0.3, part)
    field = read_density(tmp_path / "part.h5")
    expected = waves(axes_of(field.density.shape, part))
    np.testing.assert_allclose(field.density, expected, rtol=0, atol=2e-5)
    lower = np.array(part)[:, 0]
    whole = make_structure()
    back = field.structure.positions + lower @ whole.cell
    for position in back:
        images = (whole.positions - position) @ np.linalg.inv(whole.cell)
        assert np.abs(images - images.round()).max(axis=1).min() < 1e-9


def test_impossible_parts_are_refused(source, tmp_path):
    for ends in ((0.5, 0.5), (0.7, 0.2), (0.0, 1.5)):
        with pytest.raises(RhocastError, match="box: expected lower and upper ends"):
            refine(source, tmp_path / "part.h5", 0.3, (ends, (0.0, 1.0), (0.0, 1.0)))
    assert not (tmp_path / "part.h5").exists()
