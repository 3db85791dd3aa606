import numpy as np
import pytest
from ase.build import bulk
from matplotlib.image import imread

from rhocast import config
from rhocast.density import Snapshot, write_snapshot
from rhocast.errors import StructureError
from rhocast.structures import Structure, write_structure
from rhocast.studies import cell_sizes
from rhocast.studies.cell_sizes import compare_cells, draw_cells, first_large_enough

DESCRIPTOR = config.SmoothDescriptor(
    kind="smooth", cutoff_bohr=6.0, radial_functions=3, shortest_bohr=4.0, angular=1
)


@pytest.fixture(autouse=True)
def _few_points(monkeypatch):
    monkeypatch.setattr(cell_sizes, "SPACING_BOHR", 1.6)


def frames(folder, repeats, constant=4.05, spread=0.12, temperature="500K", density_mean=None):
    """Write four frames of one trajectory: thermal fcc, and a density that knows no atoms."""
    rng = np.random.default_rng(repeats)
    paths = []
    for number in range(4):
        atoms = bulk("Al", a=constant, cubic=True).repeat(repeats)
        atoms.rattle(spread, rng=rng)
        structure = Structure.from_ase(atoms)
        path = folder / f"al{len(atoms)}" / temperature / f"{number}.extxyz"
        if density_mean is None:
            write_structure(path, structure)
        else:
            path = path.with_suffix(".h5")
            density = rng.normal(density_mean, 0.01, (12, 12, 12)).astype(np.float32)
            values = (density, np.zeros((len(atoms), 3)), -1.0, 3.0 * len(atoms), 500.0, "1 1 1")
            write_snapshot(path, Snapshot(structure, *values))
        paths.append(path)
    return paths


def test_a_size_is_large_enough_where_the_next_is_like_it(tmp_path):
    """32 and 108 atoms are alike; those of the smallest cell hardly move."""
    paths = [
        path
        for repeats, spread in ((1, 0.02), (2, 0.12), (3, 0.12))
        for path in frames(tmp_path, repeats, spread=spread)
    ]
    rows = compare_cells(paths, DESCRIPTOR, ("Al",))
    assert [(row.atoms, row.next_atoms, row.quantity) for row in rows] == [
        (4, 32, "features"), (32, 108, "features"),
    ]  # fmt: skip
    assert rows[0].ratio > 2.0
    assert 0.6 < rows[1].ratio < 1.5
    assert first_large_enough(rows) == 32
    draw_cells(rows, tmp_path / "cells.png")
    assert imread(tmp_path / "cells.png")[..., :3].std() > 0.05


def test_other_volumes_are_another_state(tmp_path):
    """A liquid of another density beside the crystal changes nothing."""
    paths = [*frames(tmp_path, 2), *frames(tmp_path, 3)]
    rows = compare_cells(paths, DESCRIPTOR, ("Al",))
    elsewhere = frames(tmp_path / "other", 2, constant=4.3)
    assert compare_cells([*paths, *elsewhere], DESCRIPTOR, ("Al",)) == rows


def test_densities_count_where_there_are_any(tmp_path):
    """Same atoms, other densities: features alone would call the small cell large enough."""
    paths = frames(tmp_path, 2, density_mean=0.030)
    paths += frames(tmp_path, 3, density_mean=0.032)
    rows = compare_cells(paths, DESCRIPTOR, ("Al",))
    ratios = {row.quantity: row.ratio for row in rows}
    assert ratios["features"] < 1.5 < ratios["density"]
    density = next(row for row in rows if row.quantity == "density")
    assert density.distance == pytest.approx(0.002, rel=0.1)  # of the means, e/Bohr³
    assert first_large_enough(rows) is None


def test_sizes_are_compared_at_equal_temperature(tmp_path):
    """Heat must not pass for size: without a common temperature nothing is compared."""
    paths = frames(tmp_path, 2) + frames(tmp_path, 3, temperature="900K")
    with pytest.raises(StructureError, match=r"at one temperature .* 32 atoms at 500K, 112\.1 B"):
        compare_cells(paths, DESCRIPTOR, ("Al",))
    both = compare_cells([*paths, *frames(tmp_path, 3)], DESCRIPTOR, ("Al",))
    assert [row.temperatures for row in both] == [1]
    assert both[0].ratio < 1.5
