"""Finer meshes and parts of the cell: the density that was there, and all its electrons."""

import errno
import os

import numpy as np
import pytest
from small_model import make_structure

from rhocast.density import Density, read_density, refine, write_density
from rhocast.density.interpolation import BOX, WHOLE, Interpolation, boxes
from rhocast.density.quantity import MINUS
from rhocast.density.refine import refined
from rhocast.density.zero_bound import Bound
from rhocast.errors import ConfigError, FileFormatError, ParallelError
from rhocast.grid import Mesh

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
    field = Density(
        structure,
        waves(axes_of(COARSE)).astype(np.float32),
        epistemic_std=std[0],
        aleatoric_std=std[1],
        record={"n_electrons": 17.0},
    )
    write_density(tmp_path / "coarse.h5", field)
    return tmp_path / "coarse.h5"


def test_a_band_limited_density_is_found_again_and_no_electron_lost(source, tmp_path):
    coarse = read_density(source)
    refine(source, tmp_path / "fine.h5", 0.3)
    fine = read_density(tmp_path / "fine.h5")
    assert (fine.mesh.spacing <= 0.3).all()
    np.testing.assert_allclose(fine.density, waves(axes_of(fine.mesh.shape)), rtol=0, atol=2e-5)
    assert fine.electron_count == pytest.approx(coarse.electron_count, rel=1e-7)
    assert abs(fine.record["refined_scale"] - 1.0) < 1e-5
    assert tuple(fine.record["refined_from_mesh"]) == COARSE


def test_a_difference_of_densities_is_not_scaled(source, tmp_path):
    """Its electrons, next to none, are no measure of the interpolation."""
    field = read_density(source)
    values = field.density - field.density.mean() + np.float32(1e-6)
    for name, minus in (("said", {MINUS: "b.h5"}), ("unsaid", {})):
        write_density(tmp_path / "d.h5", Density(field.structure, values, record=minus))
        refine(tmp_path / "d.h5", tmp_path / f"{name}.h5", 0.3)
        fine = read_density(tmp_path / f"{name}.h5")
        wanted = waves(axes_of(fine.mesh.shape)) - field.density.mean() + 1e-6
        np.testing.assert_allclose(fine.density, wanted, rtol=0, atol=2e-5)
        assert fine.record["refined_scale"] == 1.0
    none = Density(field.structure, np.zeros_like(values), record={MINUS: "b.h5"})
    assert (refined(none, fine.mesh).density == 0.0).all()


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


def test_a_part_without_atoms_is_a_density_too(source, tmp_path):
    """A vacancy, the vacuum beside a slab: it can be drawn and exported."""
    part = ((0.0, 0.06), (0.0, 0.06), (0.0, 0.06))
    refine(source, tmp_path / "part.h5", 0.05, part)
    field = read_density(tmp_path / "part.h5")
    np.testing.assert_allclose(
        field.density, waves(axes_of(field.density.shape, part)), rtol=0, atol=2e-5
    )
    assert (len(field.structure), field.structure.formula) == (0, "no atoms")
    for name in ("part.cube", "part.vts", "part.xsf", "part.npz"):
        write_density(tmp_path / name, field)
        assert (tmp_path / name).is_file()
    with pytest.raises(ConfigError, match="a CHGCAR needs atoms"):
        write_density(tmp_path / "CHGCAR", field)
    with pytest.raises(FileFormatError, match="holds no atoms"):
        read_density(tmp_path / "part.cube")


def test_impossible_parts_are_refused(source, tmp_path):
    for ends in ((0.5, 0.5), (0.7, 0.2), (0.0, 1.5)):
        with pytest.raises(ConfigError, match="box: expected lower and upper ends"):
            refine(source, tmp_path / "part.h5", 0.3, (ends, (0.0, 1.0), (0.0, 1.0)))
    assert not (tmp_path / "part.h5").exists()


def test_boxes_and_threads_leave_no_trace(source, tmp_path, monkeypatch):
    for n in (1, 3):
        monkeypatch.setenv("OMP_NUM_THREADS", str(n))
        refine(source, tmp_path / f"{n}.h5", 0.08)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "3.h5").read_bytes()
    fine = read_density(tmp_path / "1.h5")
    assert min(fine.density.shape) > BOX[0]
    np.testing.assert_allclose(fine.density, waves(axes_of(fine.mesh.shape)), rtol=0, atol=2e-5)


def test_in_memory_it_is_the_same_as_on_disk(source, tmp_path):
    refine(source, tmp_path / "fine.h5", 0.25)
    on_disk = read_density(tmp_path / "fine.h5")
    coarse = read_density(source)
    in_memory = refined(coarse, Mesh.with_spacing(coarse.cell, 0.25))
    np.testing.assert_array_equal(in_memory.density, on_disk.density)
    np.testing.assert_allclose(in_memory.aleatoric_std, on_disk.aleatoric_std, rtol=1e-3)


def test_a_full_disk_is_told_and_leaves_nothing(source, tmp_path, monkeypatch):
    write = os.pwrite

    def full(file, data, offset):
        if len(data) > 1000:  # the field, not the name of the writer in its lock
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(ParallelError, match=r"fine\.h5.* cannot be written \(No space left"):
        refine(source, tmp_path / "fine.h5", 0.3)
    assert [path.name for path in tmp_path.iterdir()] == ["coarse.h5"]


@pytest.mark.mpi
def test_any_number_of_ranks_writes_the_same_file(source, tmp_path, run_verb):
    refine(source, tmp_path / "alone.h5", 0.08)
    for n_ranks in (2, 3):
        out = tmp_path / f"{n_ranks}.h5"
        code, output = run_verb(n_ranks, "refine", source, "-o", out, "--mesh-spacing-bohr", 0.08)
        assert code == 0, output
        assert out.read_bytes() == (tmp_path / "alone.h5").read_bytes()


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (["--mesh-spacing-bohr", -1], "expected a number from 0.01 to 100 Bohr"),
        (["--box", 0.5, 0.2, 0, 1, 0, 1], "box: expected lower and upper ends"),
    ],
)
def test_bad_input_ends_all_ranks_before_any_work(fault, message, source, tmp_path, run_verb):
    code, output = run_verb(2, "refine", source, "-o", tmp_path / "fine.h5", *fault)
    assert code != 0
    assert message in output
    assert [path.name for path in tmp_path.iterdir()] == ["coarse.h5"]


@pytest.mark.mpi
def test_a_rank_without_the_file_ends_all(source, tmp_path, run_ranks):
    code = f"""
import sys
from rhocast.density import refine
from rhocast.parallel import find_communicator
comm = find_communicator()
refine("{source}" if comm.rank == 0 else "elsewhere.h5", "{tmp_path}/fine.h5", 0.3, comm=comm)
"""
    code, output = run_ranks(2, "-c", code)
    assert code != 0
    assert "rank 1: elsewhere.h5: no such file" in output
    assert not (tmp_path / "fine.h5").exists()


def with_cores(shape, part=WHOLE):
    """Compute a density that is next to nothing in a core, whose edge splines overshoot."""
    x, y, z = np.meshgrid(*axes_of(shape, part), indexing="ij")
    squares = sum((centred - 0.5) ** 2 for centred in (x, y, z))
    return np.where(squares > 0.04, 0.05, 1e-6).astype(np.float32)


def test_no_interpolated_density_is_negative_and_all_electrons_are_there(tmp_path):
    """Found at the cores of Ge: −8e-4 between points of 6e-4."""
    structure = make_structure()
    coarse = Density(structure, with_cores((12, 12, 12)), record={"points_below_zero": 0})
    write_density(tmp_path / "coarse.h5", coarse)
    free = Interpolation(coarse, Mesh((60, 60, 60), structure.cell))
    (box,) = boxes((60, 60, 60))
    spline = np.concatenate([strip for _, strip in free.strips("density", box)], axis=2)
    assert spline.min() < -1e-4
    refine(tmp_path / "coarse.h5", tmp_path / "fine.h5", 0.2)
    in_memory = refined(coarse, free.mesh)
    for fine in (read_density(tmp_path / "fine.h5"), in_memory):
        assert fine.density.min() == 0.0
        assert fine.electron_count == pytest.approx(coarse.electron_count, rel=2e-7)
        assert fine.record["interpolated_points"] == fine.density.size
        assert Bound.read(fine.record).lowest_before_bound < -1e-4
    bound = Bound.read(in_memory.record)
    assert bound.lowest_before_bound == pytest.approx(spline.min())
    assert bound.points_below_zero == np.count_nonzero(spline < 0.0)
    refine(tmp_path / "coarse.h5", tmp_path / "part.h5", 0.1, ((0.3, 0.7),) * 3)
    assert read_density(tmp_path / "part.h5").density.min() == 0.0


def test_a_difference_that_is_interpolated_keeps_both_signs():
    field = Density(make_structure(), -with_cores((12, 12, 12)), record={MINUS: "b.h5"})
    fine = refined(field, Mesh((20, 20, 20), field.cell))
    assert fine.density.min() < -0.04
    assert Bound.read(fine.record) is None
