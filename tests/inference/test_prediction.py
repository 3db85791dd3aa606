"""The predicted field: symmetries, seams, the electron count, what is refused."""

import logging
import tracemalloc

import h5py
import numpy as np
import pytest
from small_model import SHAPE, as_stored, make_model, make_negative_model, make_structure

from rhocast.density import read_density
from rhocast.density.electron_scale import scaled_values
from rhocast.density.zero_bound import Bound
from rhocast.errors import ConfigError, ModelError, RhocastError, StructureError
from rhocast.grid import BinnedAtoms, Mesh
from rhocast.inference import (
    PredictionOptions,
    Request,
    merge,
    predict_density,
    predict_file,
    predict_on_mesh,
    predict_reduced,
    predict_shard,
    prediction,
)
from rhocast.inference.predictor import BlockPredictor
from rhocast.structures import Structure

#: Single-precision features and network: a few roundings of 0.03 e/Bohr³.
TOLERANCE = 1e-7

NAMES = ("density", "epistemic_std", "aleatoric_std")


def predict(model, structure, shape=SHAPE, uncertainty="sampled", samples=2):
    return predict_on_mesh(
        model,
        structure,
        Mesh(shape, structure.cell),
        PredictionOptions(uncertainty=uncertainty, samples=samples),
    )


def repeated(structure: Structure, counts: tuple[int, int, int]) -> Structure:
    shifts = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3)
    positions = (structure.positions + (shifts @ structure.cell)[:, None]).reshape(-1, 3)
    cell = structure.cell * np.array(counts)[:, None]
    return Structure(positions, cell, np.tile(structure.numbers, len(shifts)))


def test_supercell_is_the_tiled_cell(model, structure):
    cell = predict(model, structure, (11, 9, 13))
    supercell = predict(model, repeated(structure, (2, 1, 3)), (22, 9, 39))
    for name in NAMES:
        tiled = np.tile(getattr(cell, name), (2, 1, 3))
        np.testing.assert_allclose(getattr(supercell, name), tiled, rtol=0, atol=TOLERANCE)


def test_left_handed_cell_gives_the_same_field(model, structure):
    right = predict(model, structure, (12, 9, 7))
    swapped = Structure(structure.positions, structure.cell[[1, 0, 2]], structure.numbers)
    left = predict(model, swapped, (9, 12, 7))
    assert np.linalg.det(structure.cell) * np.linalg.det(swapped.cell) < 0
    np.testing.assert_allclose(
        left.density.transpose(1, 0, 2), right.density, rtol=0, atol=TOLERANCE
    )


def test_atoms_outside_the_cell_count_like_their_images(model, structure):
    moved = structure.positions.copy()
    moved[0] += 3 * structure.cell[0] - structure.cell[2]
    inside = predict(model, structure, (9, 9, 9))
    outside = predict(model, Structure(moved, structure.cell, structure.numbers), (9, 9, 9))
    np.testing.assert_allclose(outside.density, inside.density, rtol=0, atol=TOLERANCE)


def test_field_varies_and_is_uncertain(model, structure):
    field = predict(model, structure)
    assert field.density.std() > 1e-4
    assert (field.epistemic_std > 0).any()
    assert (field.aleatoric_std > 0).all()


@pytest.mark.parametrize("n_shards", [1, 2, 5])
def test_shards_join_without_a_seam(n_shards, model, structure, tmp_path):
    whole = predict(model, structure)
    paths = [tmp_path / f"shard-{k}.h5" for k in range(n_shards)]
    for k, path in enumerate(paths):
        predict_shard(
            model,
            structure,
            whole.mesh,
            path,
            PredictionOptions(uncertainty="sampled", samples=2),
            shard=k,
            n_shards=n_shards,
        )
    merge(paths, tmp_path / "density.h5", scale_to_electrons=False)
    merged = read_density(tmp_path / "density.h5")
    for name in NAMES:
        np.testing.assert_array_equal(getattr(merged, name), as_stored(whole, name))
    assert merged.record["electron_count_before_scaling"] == pytest.approx(
        whole.electron_count, rel=1e-12
    )
    assert not list(tmp_path.glob("*.partial"))
    assert not list(tmp_path.glob("*.journal"))


def test_scaling_gives_the_valence_electrons(model, structure, tmp_path):
    path = tmp_path / "density.h5"
    mesh = Mesh(SHAPE, structure.cell)
    predict_file(model, structure, mesh, path, PredictionOptions(uncertainty="sampled", samples=2))
    field, plain = read_density(path), predict(model, structure)
    assert field.electron_count == pytest.approx(3 * 3 + 2 * 4, rel=1e-6)
    assert field.record["n_electrons"] == 17.0
    assert plain.electron_count != pytest.approx(17.0, rel=0.05)
    scale = field.record["scale"]
    assert (field.epistemic_std >= 0.999 * abs(1.0 - scale) * field.density).all()
    for name in NAMES:
        expected = scaled_values(name, getattr(plain, name), plain.density, scale)
        tolerance = {"rtol": 1e-6} if name == "density" else {"rtol": 1e-3, "atol": 1e-7}
        np.testing.assert_allclose(getattr(field, name), expected, **tolerance)
    in_memory = plain.scaled_to_electrons()
    np.testing.assert_allclose(in_memory.density, field.density, rtol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == ["density.h5"]


def test_unknown_valence_is_noticed_before_the_work(structure, tmp_path):
    model = make_model(valence={"Al": 3.0})
    with pytest.raises(ModelError, match="valence electrons"):
        predict_file(model, structure, Mesh(SHAPE, structure.cell), tmp_path / "density.h5")
    assert not any(tmp_path.iterdir())


def test_a_failed_merge_does_not_cost_the_prediction(model, structure, tmp_path, monkeypatch):
    path, mesh = tmp_path / "density.h5", Mesh(SHAPE, structure.cell)

    def fail(*_, **__):
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(prediction, "merge", fail)
        with pytest.raises(OSError, match="the disk is gone"):
            predict_file(model, structure, mesh, path)
    assert [p.name for p in tmp_path.iterdir()] == ["density.h5.shard"]
    with monkeypatch.context() as patch:
        patch.setattr(BlockPredictor, "__call__", fail)
        with pytest.raises(OSError, match="the disk is gone"):  # another request is predicted
            predict_file(model, make_structure(seed=4), mesh, path)
        predict_file(model, structure, mesh, path)
    assert read_density(path).electron_count == pytest.approx(17.0, rel=1e-6)


def test_distances_are_checked_once(model, structure, tmp_path, monkeypatch):
    checked = []
    monkeypatch.setattr(Structure, "check_distances", lambda *_: checked.append(1))
    predict_file(model, structure, Mesh(SHAPE, structure.cell), tmp_path / "density.h5")
    assert len(checked) == 1


def test_predict_density_takes_a_spacing(model, structure):
    field = predict_density(model, structure, PredictionOptions(asked_spacing_bohr=0.8))
    assert (field.mesh.spacing <= 0.8).all()
    assert field.electron_count == pytest.approx(17.0, rel=1e-6)
    assert field.epistemic_std is None
    assert field.std is None


def test_points_far_from_every_atom_are_finite(model):
    lonely = Structure(np.zeros((1, 3)), 40.0 * np.eye(3), np.array([13]))
    assert np.isfinite(predict(model, lonely, (5, 5, 5)).density).all()


def test_no_array_is_as_large_as_the_field(model, structure, tmp_path, monkeypatch):
    mesh = Mesh((960, 20, 60), structure.cell)

    def constant(self, block, atoms):
        return np.full((1, *self._blocks.shape(block)), 0.03, dtype=np.float32)

    monkeypatch.setattr(BlockPredictor, "__call__", constant)
    tracemalloc.start()
    predict_shard(model, structure, mesh, tmp_path / "shard.h5")
    merge([tmp_path / "shard.h5"], tmp_path / "density.h5")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.25 * 4 * mesh.n_points


def test_uncertainties_that_do_not_exist_are_refused(model, structure):
    with pytest.raises(ModelError, match="no `fast` one"):
        predict(model, structure, uncertainty="fast")
    with pytest.raises(ConfigError, match="expected `none`, `fast` or `sampled`, found 'both'"):
        predict(model, structure, uncertainty="both")
    with pytest.raises(ConfigError, match="at least 2"):
        predict(model, structure, samples=1)


def test_unknown_element_is_named_with_its_file(structure, tmp_path):
    with pytest.raises(ModelError, match=r"slab\.vasp: holds Si, .*trained on Al"):
        predict_shard(
            make_model(species=("Al",)),
            structure,
            Mesh(SHAPE, structure.cell),
            tmp_path / "shard.h5",
            PredictionOptions(where="slab.vasp"),
        )
    assert not any(tmp_path.iterdir())


def test_coinciding_atoms_are_refused(model):
    twice = Structure(np.full((2, 3), 1.0), 8.0 * np.eye(3), np.array([13, 13]))
    with pytest.raises(StructureError, match=r"0 Bohr apart"):
        predict(model, twice)


def test_a_mesh_of_another_cell_is_refused(model, structure):
    with pytest.raises(RhocastError, match="another cell"):
        predict_on_mesh(model, structure, Mesh(SHAPE, 2 * structure.cell))


def test_a_model_that_answers_nan_is_refused(structure):
    broken = make_model()
    broken.normalisation.feature_mean[0] = float("nan")
    with pytest.raises(ModelError, match="NaN or infinity in block 0"):
        predict(broken, structure)


def test_progress_is_logged(model, structure, tmp_path, caplog):
    caplog.set_level("INFO")
    predict_shard(
        model, structure, Mesh(SHAPE, structure.cell), tmp_path / "0.h5", shard=0, n_shards=2
    )
    assert "shard 0 of 2: 100 % of 8976 points" in caplog.text
    assert "points/s, 0 s left" in caplog.text


def test_make_structure_keeps_atoms_apart():
    assert make_structure(n_atoms=6, seed=3).minimum_distance() > 3.0


def test_no_density_is_negative(structure, caplog):
    """A model that answers with negative densities gives zeros, and the log counts the points."""
    negative = make_negative_model()
    mesh = Mesh(SHAPE, structure.cell)
    raw = BlockPredictor(negative, Request(negative, structure, mesh).task)
    atoms = BinnedAtoms.of(structure).around(*raw._blocks.bounds(0), negative.reach_bohr)
    unbounded = raw.values(raw._blocks.shape(0), atoms)[0]
    assert (unbounded < 0).any()
    with caplog.at_level(logging.INFO):
        field = predict_on_mesh(negative, structure, mesh)
    assert field.density.min() == 0.0
    box = raw._blocks.box(0)
    np.testing.assert_array_equal(field.density[box], np.maximum(unbounded, 0.0))
    below = int((field.density == 0).sum())
    assert f"at {below:,} of {field.density.size:,} points" in caplog.text


@pytest.mark.parametrize("n_shards", [1, 3])
def test_files_tell_what_the_bound_at_zero_has_changed(n_shards, structure, tmp_path):
    """Files of one run, merged shards, reductions and densities in memory agree on it."""
    negative, mesh = make_negative_model(), Mesh(SHAPE, structure.cell)
    raw = BlockPredictor(negative, Request(negative, structure, mesh).task)
    atoms = BinnedAtoms.of(structure)
    unbounded = np.concatenate(
        [
            raw.values(
                raw._blocks.shape(block),
                atoms.around(*raw._blocks.bounds(block), negative.reach_bohr),
            )[0].ravel()
            for block in range(len(raw._blocks))
        ]
    )
    expected = Bound(mesh.n_points, int((unbounded < 0).sum()), float(unbounded.min()))
    assert 0 < expected.points_below_zero < mesh.n_points
    paths = [tmp_path / f"{k}.h5" for k in range(n_shards)]
    bounds = [
        predict_shard(negative, structure, mesh, path, shard=k, n_shards=n_shards)
        for k, path in enumerate(paths)
    ]
    assert Bound.of_all(bounds) == expected
    merge(paths, tmp_path / "merged.h5")
    assert Bound.read(read_density(tmp_path / "merged.h5").record) == expected
    assert Bound.read(predict_on_mesh(negative, structure, mesh).record) == expected
    assert predict_file(negative, structure, mesh, tmp_path / "whole.h5") == expected
    reduced = tmp_path / "reduced.h5"
    assert predict_reduced(negative, structure, mesh, reduced, coarse_bohr=5.0) == expected
    with h5py.File(reduced) as file:
        assert Bound.read(file.attrs) == expected


def test_shards_of_an_earlier_version_merge_without_what_they_do_not_tell(structure, tmp_path):
    shard, mesh = tmp_path / "shard.h5", Mesh(SHAPE, structure.cell)
    predict_shard(make_model(), structure, mesh, shard)
    with h5py.File(shard, "r+") as file:  # it had no numbers but the sums
        sums = file["block_sums"][:, 0]
        del file["block_sums"], file["checksums/block_sums"]
        file["block_sums"] = sums
    merge([shard], tmp_path / "merged.h5")
    field = read_density(tmp_path / "merged.h5")
    assert field.electron_count == pytest.approx(17.0, rel=1e-6)
    assert Bound.read(field.record) is None
