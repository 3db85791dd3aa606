import csv

import numpy as np
import pytest
from ase.build import bulk
from matplotlib.image import imread

from rhocast import config
from rhocast.analysis.defects import contrast
from rhocast.density import Snapshot, write_snapshot
from rhocast.errors import FileFormatError
from rhocast.grid import Mesh
from rhocast.structures import Structure, periodic_images
from rhocast.studies.table import write_rows
from rhocast.studies.vacancy import add_vacancy, draw_vacancy, vacancy_rows

RECIPE = config.Recipe(
    pseudopotentials={"Al": "spms"},
    features=config.Features(points_per_snapshot=1000),
    descriptor=config.SmoothDescriptor(
        kind="smooth", cutoff_bohr=9.0, radial_functions=3, shortest_bohr=4.5, angular=0
    ),
    network=config.Network(width=16, blocks=1),
    training=config.Training(dataset="small", steps=300, batch_size=128, learning_rate=1e-2),
)


def written(path, vacancies, seed):
    """Write a cell of 32 atoms or fewer with a density like that of overlapping Gaussians."""
    atoms = bulk("Al", cubic=True).repeat(2)[vacancies:]
    atoms.rattle(0.08, seed=seed)
    structure = Structure.from_ase(atoms)
    mesh = Mesh((16, 16, 16), structure.cell)
    images, _ = periodic_images(structure, 8.0)
    points = mesh.points(np.arange(mesh.n_points))
    square = ((points[:, None] - images) ** 2).sum(axis=2)
    density = 0.01 * np.exp(-0.5 * square / 1.8**2).sum(axis=1) ** 2
    snapshot = Snapshot(
        structure, density.reshape(mesh.shape).astype(np.float32), np.zeros((len(atoms), 3)),
        -1.0, 3.0 * len(atoms), 500.0, "1 1 1",
    )  # fmt: skip
    write_snapshot(path, snapshot)
    return path


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    crystal = [written(folder / f"al32/{t}K/0.h5", 0, t) for t in (1, 2, 3)]
    vacancies = [written(folder / f"al31/5K/{i}.h5", 1, 10 + i) for i in range(2)]
    return crystal, vacancies


def test_one_vacancy_lowers_error_and_sigma_at_others(cells, tmp_path):
    crystal, vacancies = cells
    around = add_vacancy(RECIPE, crystal, vacancies[0], vacancies[1:], seed=0, seeds=3)
    near = around["before"].distance_bohr < 3.0
    error, sigma = (
        {name: np.median(getattr(points, part)[near]) for name, points in around.items()}
        for part in ("deviation", "epistemic_std")
    )
    assert error["after"] < 0.5 * error["before"]
    assert sigma["after"] < 0.8 * sigma["before"]
    assert contrast(around["before"]) > 3.0
    write_rows(tmp_path / "v.tsv", vacancy_rows(around))
    rows = list(csv.DictReader((tmp_path / "v.tsv").read_text().splitlines(), delimiter="\t"))
    assert sum(int(row["points"]) for row in rows) == 2 * 3 * 16**3
    draw_vacancy(around, tmp_path / "v.png")
    assert imread(tmp_path / "v.png")[..., :3].std() > 0.05


def test_the_vacancy_that_was_added_does_not_judge(cells):
    crystal, vacancies = cells
    with pytest.raises(FileFormatError, match=r"al31/5K/0\.h5: is trained on"):
        add_vacancy(RECIPE, crystal, vacancies[0], vacancies, seed=0)
