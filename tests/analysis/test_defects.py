import csv

import numpy as np
import pytest
from ase.build import bulk
from matplotlib.image import imread

from rhocast.analysis.defects import Surroundings, contrast, distances_from_void, write_profile
from rhocast.errors import StructureError
from rhocast.grid import Mesh
from rhocast.structures import Structure

RNG = np.random.default_rng(0)


def made(boost, n_points=40_000):
    """σ proportional to the density, ``boost`` times as large at the vacancy."""
    distance = RNG.uniform(0.0, 14.0, n_points)
    density = RNG.uniform(0.005, 0.03, n_points) * np.where(distance < 3.0, 0.5, 1.0)
    std = density * np.where(distance < 3.0, boost, 1.0)
    return Surroundings(distance, density, std, 0.1 * std)


@pytest.mark.parametrize("boost", [1.0, 3.0])
def test_contrast_compares_points_of_equal_density(boost):
    """The density at the vacancy is low: medians over all points would be half the truth."""
    assert contrast(made(boost)) == pytest.approx(boost, rel=0.1)


def test_a_cell_too_small_to_compare_is_refused():
    around = made(1.0)
    small = Surroundings(*(getattr(around, n)[around.distance_bohr < 7.0] for n in vars(around)))
    with pytest.raises(StructureError, match="no mesh point further than 8 Bohr"):
        contrast(small)


def test_distances_are_those_to_the_nearest_image_of_the_vacancy():
    crystal = Structure.from_ase(bulk("Al", cubic=True).repeat(2))
    skew = crystal.cell + np.array([[0, 0, 0], [3.0, 0, 0], [0, -2.0, 0]])
    positions = crystal.fractional @ skew
    defect = Structure(positions[1:], skew, crystal.numbers[1:])
    mesh = Mesh((7, 8, 9), skew)
    found = distances_from_void(defect, mesh)
    points = mesh.points(np.arange(mesh.n_points))
    assert np.linalg.norm(points[found.argmin()] - positions[0]) < 2.5 or found.argmin() == 0
    shifts = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), axis=-1).reshape(-1, 3) @ skew
    nearest = np.min(
        [np.linalg.norm(points - points[found.argmin()] + s, axis=1) for s in shifts], 0
    )
    assert np.all(np.abs(found - nearest) <= found.min() + 1e-9)


def test_the_profile_is_written_and_drawn(tmp_path):
    write_profile(made(3.0), tmp_path / "v.tsv", tmp_path / "v.png")
    rows = list(csv.DictReader((tmp_path / "v.tsv").read_text().splitlines(), delimiter="\t"))
    assert [float(row["distance_bohr"]) for row in rows] == list(np.arange(28) / 2 + 0.25)
    assert sum(int(row["points"]) for row in rows) == 40_000
    assert float(rows[2]["epistemic_std"]) > float(rows[20]["epistemic_std"])
    assert imread(tmp_path / "v.png")[..., :3].std() > 0.05
