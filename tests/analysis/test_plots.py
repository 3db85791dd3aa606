"""Pictures: what they show is what the density holds."""

import numpy as np
import pytest
from small_model import make_structure

from rhocast.analysis.plots import (
    Plane,
    draw_comparison,
    draw_line,
    draw_reduction,
    draw_slice,
    values_along,
)
from rhocast.density import Density
from rhocast.density.reduction import reduce_density, write_reduction
from rhocast.errors import ConfigError

SHAPE = (20, 24, 28)
WAVE = np.array([1, -1, 2])


def wave(fractional: np.ndarray) -> np.ndarray:
    return 0.03 + 0.02 * np.cos(2.0 * np.pi * fractional @ WAVE)


@pytest.fixture(scope="module")
def density():
    points = np.stack(np.meshgrid(*(np.arange(n) / n for n in SHAPE), indexing="ij"), axis=-1)
    values = wave(points).astype(np.float32)
    return Density(make_structure(), values, epistemic_std=0.01 * values, aleatoric_std=values)


def test_a_line_runs_through_the_density_over_the_ends_of_the_cell(density):
    start, end = np.array([-0.3, 0.1, 0.0]), np.array([0.9, 1.4, 0.7])
    found = values_along(density, "density", start, end)
    np.testing.assert_allclose(found, wave(np.linspace(start, end, len(found))), atol=5e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plane_is_the_nearest_of_the_mesh(density, axis):
    plane = Plane(density, axis, 0.26)
    index = round(0.26 * SHAPE[axis])
    assert plane.at == index / SHAPE[axis]
    np.testing.assert_array_equal(
        plane.values("density"), density.density.take(index, axis).astype(np.float64)
    )


def test_every_picture_in_every_format(density, tmp_path):
    draw_slice(density, tmp_path / "slice.png", axis=1, at=0.5)
    draw_line(density, tmp_path / "line.svg", np.zeros(3), np.ones(3))
    other = Density(density.structure, density.density[::2, ::2, ::2], source="other.h5")
    draw_comparison(density, other, tmp_path / "compare.pdf")
    reduction = reduce_density(density, 4.0)
    write_reduction(tmp_path / "r.h5", reduction, density.structure, density.mesh, {}, places=3)
    draw_reduction(tmp_path / "r.h5", tmp_path / "reduction.png")
    assert (tmp_path / "slice.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "compare.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (tmp_path / "line.svg").read_text()
    assert (tmp_path / "reduction.png").stat().st_size > 10_000


def test_another_format_is_refused(density, tmp_path):
    with pytest.raises(ConfigError, match=r"x.jpg: expected a name that ends in .png, .pdf, .svg"):
        draw_slice(density, tmp_path / "x.jpg")
