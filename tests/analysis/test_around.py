"""Shells around a place: what is averaged is what the density holds there."""

import numpy as np
import pytest
from ase.build import bulk

from rhocast.analysis.around import SHELL_BOHR, draw_defect, shells_around
from rhocast.density import Density, open_density, write_density
from rhocast.structures import Structure

PLACE = np.array([0.9, 0.05, 0.5])


@pytest.fixture(scope="module")
def density():
    """Values that are the distance from a place, near an edge of a sheared cell."""
    cell = np.array([[16.0, 0.0, 0.0], [3.0, 15.0, 0.0], [-2.0, 1.0, 18.0]])
    structure = Structure(PLACE[None] @ cell + 5.0, cell, np.array([13]))
    shape = (40, 36, 44)
    points = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), axis=-1)
    apart = points - PLACE
    apart -= np.round(apart)
    values = np.linalg.norm(apart @ cell, axis=-1)
    return Density(structure, values, epistemic_std=0.1 * values, aleatoric_std=np.full(shape, 2.0))


def test_shells_hold_the_points_at_their_distance(density):
    found = shells_around(density, PLACE)
    assert found.distance_bohr[-1] > 7.0  # half of the shortest vector, 15.3 Bohr
    np.testing.assert_allclose(found.density, found.distance_bohr, atol=SHELL_BOHR / 2)
    np.testing.assert_allclose(found.epistemic_std, 0.1 * found.density, rtol=0.06)
    np.testing.assert_allclose(found.aleatoric_std, 2.0)
    np.testing.assert_allclose(found.std, np.hypot(found.epistemic_std, 2.0))
    volumes = found.points * density.mesh.voxel_volume
    radius = found.distance_bohr[-1] + SHELL_BOHR / 2
    assert volumes.sum() == pytest.approx(4.0 / 3.0 * np.pi * radius**3, rel=0.1)


def test_a_file_is_read_around_the_place_alone(density, tmp_path):
    write_density(tmp_path / "field.h5", density)
    with open_density(tmp_path / "field.h5") as stored:
        found = shells_around(stored, PLACE, furthest_bohr=3.0)
    expected = shells_around(density, PLACE, furthest_bohr=3.0)
    np.testing.assert_allclose(found.density, expected.density, rtol=1e-6)
    assert len(found.points) == 6


def test_the_deviation_is_that_from_the_reference_on_any_mesh(density):
    reference = Density(density.structure, density.density + 0.5)
    found = shells_around(density, PLACE, reference=reference)
    np.testing.assert_allclose(found.deviation, 0.5)
    np.testing.assert_allclose(found.reference - found.density, 0.5)


@pytest.mark.parametrize("shape", [(20, 18, 22), (44, 36, 48)])
def test_a_reference_of_another_mesh_leaves_the_density_and_its_std(density, shape, caplog):
    caplog.set_level("INFO")
    reference = Density(density.structure, np.full(shape, 1.0), source="dft.cube")
    found = shells_around(density, PLACE, reference=reference)
    np.testing.assert_allclose(found.reference, 1.0)
    alone = shells_around(density, PLACE)
    np.testing.assert_array_equal(found.density, alone.density)
    np.testing.assert_array_equal(found.std, alone.std)
    mesh = "×".join(map(str, shape))
    assert f"dft.cube: interpolated from its {mesh} mesh to 40×36×44" in caplog.text


def test_the_band_is_drawn_beside_a_reference_of_another_mesh(density, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.around.save_figure", lambda figure, _: drawn.append(figure)
    )
    reference = Density(density.structure, np.full((44, 36, 48), 1.0))
    draw_defect(density, tmp_path / "defect.png", PLACE, reference)
    labels = drawn[0].axes[0].get_legend_handles_labels()[1]
    assert labels == ["±3σ", "predicted", "reference"]


def test_the_picture_shows_the_shells_around_a_vacancy(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.around.save_figure", lambda figure, _: drawn.append(figure)
    )
    crystal = Structure.from_ase(bulk("Al", a=4.05, cubic=True).repeat(2))
    defect = Structure(crystal.positions[1:], crystal.cell, crystal.numbers[1:])
    points = np.stack(np.meshgrid(*[np.arange(30) / 30] * 3, indexing="ij"), axis=-1)
    apart = points - np.round(points)  # from the vacancy, at the origin
    values = np.linalg.norm(apart @ defect.cell, axis=-1)
    draw_defect(Density(defect, values), tmp_path / "defect.png")
    (axes,) = drawn[0].axes
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_ydata(), line.get_xdata(), atol=SHELL_BOHR)
    assert axes.get_xlabel() == "distance, Bohr"
