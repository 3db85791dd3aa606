import itertools

import numpy as np
import pytest

from rhocast.engines import Launcher, make_engine, resolve_engine
from rhocast.engines.calculation import Calculation
from rhocast.errors import ConfigError, FileFormatError
from rhocast.grid.kpoints import KMesh, kpoint_mesh
from rhocast.structures import Structure

CUBIC = 7.65


def points(mesh: KMesh, cell: np.ndarray, images: int = 1) -> set[tuple[float, ...]]:
    """Cartesian k-points and those that a supercell takes for them, folded into the cubic zone."""
    fractional = np.array(
        [
            [(i + s) / n for i, s, n in zip(index, mesh.shift, mesh.divisions, strict=True)]
            for index in itertools.product(*(range(images * n) for n in mesh.divisions))
        ]
    )
    cartesian = fractional @ np.linalg.inv(cell).T * CUBIC
    return {tuple(np.round(k % 1.0, 6) % 1.0) for k in cartesian}


@pytest.mark.parametrize("shift", ["gamma", "half"])
def test_reciprocal_spacing_is_at_most_about_the_one_asked_for(shift):
    rng = np.random.default_rng(3)
    for _ in range(50):
        cell = rng.normal(0.0, 8.0, (3, 3))
        mesh = kpoint_mesh(cell, 0.15, shift)
        lengths = 2.0 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
        assert (lengths / mesh.divisions <= 0.15 * 1.06 + 1e-12).all()
        coarser = np.maximum(np.array(mesh.divisions) - 1, 1)
        assert ((lengths / coarser > 0.15 * 1.06) | (np.array(mesh.divisions) == 1)).all()


@pytest.mark.parametrize("shift", ["gamma", "half", "quarter"])
def test_supercells_are_sampled_by_the_same_points(shift):
    spacing = 2.0 * np.pi / (6.0 * CUBIC)
    cells = {n: np.diag([n, n, 1.0]) * CUBIC for n in (1, 2, 3)}
    meshes = {n: kpoint_mesh(cell, spacing, shift) for n, cell in cells.items()}
    assert [meshes[n].divisions for n in (1, 2, 3)] == [(6, 6, 6), (3, 3, 6), (2, 2, 6)]
    for n in (2, 3):
        assert points(meshes[n], cells[n], images=n) == points(meshes[1], cells[1])


@pytest.mark.parametrize("strain", [-0.05, 0.05])
@pytest.mark.parametrize("repeat", [1, 2, 3])
def test_strain_of_five_per_cent_keeps_the_mesh(repeat, strain):
    cell = repeat * CUBIC * np.eye(3)
    spacing = 2.0 * np.pi / (6.0 * CUBIC)
    assert kpoint_mesh(cell * (1.0 + strain), spacing) == kpoint_mesh(cell, spacing)


def test_triclinic_cell_counts_by_its_reciprocal_vectors():
    """The rows of a sheared cell are long, but its planes of atoms lie close."""
    sheared = np.array([[8.0, 0.0, 0.0], [8.0, 8.0, 0.0], [0.0, 0.0, 8.0]])
    assert kpoint_mesh(sheared, 0.4).divisions == (3, 2, 2)


@pytest.mark.parametrize("kind", ["random", "random-half"])
def test_a_seed_draws_one_shift_and_the_words_tell_it_in_full(kind):
    cell = 7.65 * np.eye(3)
    meshes = [kpoint_mesh(cell, 0.4, kind, seed) for seed in range(40)]
    assert meshes == [kpoint_mesh(cell, 0.4, kind, seed) for seed in range(40)]
    assert [KMesh.parse(str(mesh)) for mesh in meshes] == meshes
    told = [mesh.shift for mesh in meshes]
    assert len(set(told)) == (40 if kind == "random" else 8)
    assert {mesh.divisions for mesh in meshes} == {(2, 2, 2)}
    shifts = np.array(told)
    assert ((shifts >= 0.0) & (shifts <= 1.0)).all()
    np.testing.assert_allclose(np.exp(2j * np.pi * shifts).mean(axis=0), 0.0, atol=0.35)
    if kind == "random-half":
        assert set(shifts.ravel()) == {0.0, 0.5}


@pytest.mark.parametrize("words", ["unknown", "3 3 shift 0 0 0", "3 3 3", "3 3 3 shift random"])
def test_words_that_are_no_mesh_are_refused(words):
    with pytest.raises(FileFormatError, match=f"found '{words}'"):
        KMesh.parse(words)


def test_a_shift_to_be_drawn_needs_a_seed():
    with pytest.raises(ConfigError, match=r"dft.kpoint_shift: random-half is drawn"):
        kpoint_mesh(7.65 * np.eye(3), 0.4, "random-half")


def test_axes_in_another_order_keep_their_divisions_and_shifts():
    mesh = KMesh((2, 3, 4), (0.1, 0.2, 0.3))
    assert mesh.transpose((1, 0, 2)) == KMesh((3, 2, 4), (0.2, 0.1, 0.3))


@pytest.mark.parametrize(
    "shift", [(0.0,) * 3, (0.25,) * 3, (0.5,) * 3, (0.0, 0.5, 0.5), (0.3712, 0.5, 0.0)]
)
@pytest.mark.parametrize("divisions", [(1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 3, 1), (2, 5, 6)])
def test_count_of_points_up_to_time_reversal(divisions, shift):
    mesh = KMesh(divisions, shift)
    indices = np.array(list(itertools.product(*map(range, divisions))))
    plus = np.round((indices + shift) / divisions, 9) % 1.0
    minus = np.round(-(indices + shift) / divisions % 1.0, 9) % 1.0
    pairs = {frozenset([tuple(a), tuple(b)]) for a, b in zip(plus, minus, strict=True)}
    assert mesh.n_irreducible == len(pairs)
    assert mesh.has_real_waves == all(len(pair) == 1 for pair in pairs)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("abinit", marks=pytest.mark.abinit),
        pytest.param("sparc", marks=pytest.mark.sparc),
    ],
)
def test_engines_sample_a_supercell_by_the_same_points(name, settings, pseudopotentials, tmp_path):
    """A shift in units of anything but a step of the mesh would give the cells other energies.

    So would one that lands on another axis.
    """
    engine = make_engine(resolve_engine(name))
    dft = settings(mesh_spacing_bohr=0.625, kpoint_spacing_per_bohr=0.65, kpoint_shift="random")
    energies = []
    for repeat, divisions in ((1, (2, 2, 2)), (2, (1, 2, 2))):
        positions = 5.0 * np.arange(repeat)[:, None] * [1.0, 0.0, 0.0]
        atoms = Structure(positions, np.diag([5.0 * repeat, 5.0, 5.0]), [13] * repeat)
        calculation = Calculation.plan(atoms, dft, pseudopotentials, kpoint_seed=1)
        assert calculation.kpoints.divisions == divisions
        workdir = tmp_path / str(repeat)
        workdir.mkdir()
        energies.append(engine.single_point(calculation, Launcher(), workdir).energy_ha / repeat)
    assert energies[0] == pytest.approx(energies[1], abs=2e-5)
