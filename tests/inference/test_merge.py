"""Merging: complete sets of shards of one field only."""

import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
from small_model import NETWORK, SHAPE, make_model, make_structure

from rhocast.density import open_density, read_density, refine
from rhocast.density.refine import refined
from rhocast.errors import FileFormatError, ModelError, RhocastError
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, merge, predict_file, predict_on_mesh, predict_shard
from rhocast.model import LastLayer


def predict_shards(folder, n_shards=3, model=None, structure=None):
    model, structure = model or make_model(), structure or make_structure()
    paths = [folder / f"shard-{k}.h5" for k in range(n_shards)]
    for k, path in enumerate(paths):
        mesh = Mesh(SHAPE, structure.cell)
        predict_shard(model, structure, mesh, path, shard=k, n_shards=n_shards)
    return paths


@pytest.fixture
def shard_paths(tmp_path):
    return predict_shards(tmp_path / "shards")


def test_merged_file_opens_alone_and_says_where_it_comes_from(shard_paths, tmp_path, model):
    merge(shard_paths, tmp_path / "density.h5")
    shutil.rmtree(shard_paths[0].parent)
    moved = tmp_path / "elsewhere" / "field.h5"
    moved.parent.mkdir()
    (tmp_path / "density.h5").rename(moved)
    with h5py.File(moved) as file:
        assert file["density"].shape == SHAPE
        assert file["density"].chunks is not None
        assert file["density"].attrs["unit"] == "e/Bohr^3"
        attributes = dict(file.attrs)
    assert attributes["model_hash"] == model.hash
    assert attributes["n_electrons"] == 17.0
    ratio = attributes["n_electrons"] / attributes["electron_count_before_scaling"]
    assert attributes["scale"] == pytest.approx(ratio)
    assert attributes["version_rhocast"]
    assert tuple(attributes["mesh_shape"]) == SHAPE


def test_the_electron_count_does_not_depend_on_the_shards(shard_paths, tmp_path):
    merge(shard_paths, tmp_path / "three.h5")
    merge(predict_shards(tmp_path / "one", n_shards=1), tmp_path / "one.h5")
    three, one = read_density(tmp_path / "three.h5"), read_density(tmp_path / "one.h5")
    assert three.record == one.record
    np.testing.assert_array_equal(three.density, one.density)


def test_virtual_file_refers_to_the_shards(shard_paths, tmp_path, monkeypatch):
    merge(shard_paths, tmp_path / "copy.h5", scale_to_electrons=False)
    merge(shard_paths, tmp_path / "virtual.h5", scale_to_electrons=False, virtual=True)
    monkeypatch.chdir("/")
    virtual = read_density(tmp_path / "virtual.h5")
    np.testing.assert_array_equal(virtual.density, read_density(tmp_path / "copy.h5").density)
    assert (tmp_path / "virtual.h5").stat().st_size < 50_000


def test_virtual_file_without_a_shard_is_refused_on_opening(shard_paths, tmp_path):
    path = tmp_path / "virtual.h5"
    merge(shard_paths, path, scale_to_electrons=False, virtual=True)
    shard_paths[1].unlink()
    with h5py.File(path) as file:  # plain h5py sees no zeros
        assert np.isnan(file["density"][20]).all()
    with pytest.raises(FileFormatError, match=r"its shard .*shard-1\.h5 cannot be read"):
        read_density(path)


def test_virtual_file_with_an_exchanged_shard_is_refused_on_opening(shard_paths, tmp_path):
    path = tmp_path / "virtual.h5"
    merge(shard_paths, path, scale_to_electrons=False, virtual=True)
    predict_shards(shard_paths[0].parent, structure=make_structure(seed=4))
    with pytest.raises(FileFormatError, match="belongs to another prediction"):
        read_density(path)


def test_virtual_file_cannot_be_scaled(shard_paths, tmp_path):
    with pytest.raises(RhocastError, match="cannot be scaled"):
        merge(shard_paths, tmp_path / "virtual.h5", virtual=True)


@pytest.mark.parametrize("order", [[0, 1], [1, 2], [0, 0, 1, 2], [2]], ids=lambda order: str(order))
def test_missing_or_repeated_shards_are_refused(order, shard_paths, tmp_path):
    with pytest.raises(FileFormatError, match="expected each of the shards 0 to 2 once"):
        merge([shard_paths[k] for k in order], tmp_path / "density.h5")
    assert not list(tmp_path.glob("density*"))


def test_shards_of_other_predictions_are_refused(shard_paths, tmp_path):
    other = predict_shards(tmp_path / "other", structure=make_structure(seed=4))
    with pytest.raises(FileFormatError, match="shard of another prediction"):
        merge([shard_paths[0], other[1], shard_paths[2]], tmp_path / "density.h5")
    with pytest.raises(FileFormatError, match="at least one"):
        merge([], tmp_path / "density.h5")


def test_a_damaged_shard_leaves_no_half_merged_file(shard_paths, tmp_path):
    with h5py.File(shard_paths[1], "r+") as file:
        file["density"][3, 2, 1] = np.nan
    with pytest.raises(FileFormatError, match=r"shard-1\.h5: density does not match its checksum"):
        merge(shard_paths, tmp_path / "density.h5")
    assert not list(tmp_path.glob("density*"))


def test_a_truncated_shard_is_named(shard_paths, tmp_path):
    shard_paths[2].write_bytes(shard_paths[2].read_bytes()[:3000])
    with pytest.raises(FileFormatError, match=r"shard-2\.h5: .*predict this shard again"):
        merge(shard_paths, tmp_path / "density.h5")


def test_scaling_needs_the_valence_electrons(tmp_path):
    paths = predict_shards(tmp_path, n_shards=1, model=make_model(valence={"Al": 3.0}))
    with pytest.raises(ModelError, match="valence electrons"):
        merge(paths, tmp_path / "density.h5")
    merge(paths, tmp_path / "density.h5", scale_to_electrons=False)
    assert "n_electrons" not in read_density(tmp_path / "density.h5").record


@pytest.mark.parametrize("factor", [1.5, 0.7, 1.01])
@pytest.mark.parametrize("spacing", [None, 0.45])
def test_a_large_scaling_is_warned_of_and_bounds_sigma(factor, spacing, tmp_path, caplog):
    structure = make_structure()
    mesh = Mesh(SHAPE, structure.cell)
    plain = make_model()
    count = predict_on_mesh(plain, structure, mesh).electron_count
    model = make_model(valence={s: count * factor / len(structure) for s in ("Al", "Si")})
    model = replace(
        model,
        last_layer=LastLayer(
            (0.5 if factor != 1.01 else 1e-3) * np.eye(NETWORK.width + 1, dtype=np.float32)
        ),
    )
    field = predict_on_mesh(model, structure, mesh, PredictionOptions(uncertainty="fast"))
    stored = field.epistemic_std.astype(np.float16).astype(np.float32)  # as shards hold it
    field = replace(field, epistemic_std=stored)
    if spacing is not None:
        field = refined(field, Mesh.with_spacing(structure.cell, spacing))
    field = field.scaled_to_electrons()
    options = PredictionOptions(uncertainty="fast", asked_spacing_bohr=spacing)
    caplog.clear()
    predict_file(model, structure, mesh, tmp_path / "density.h5", options)
    merged = read_density(tmp_path / "density.h5")
    assert merged.record["scale"] == pytest.approx(factor)
    tolerance = 0.0 if spacing is None else 1e-5  # interpolated values are scaled on their way
    np.testing.assert_allclose(merged.density, field.density, rtol=tolerance)
    epistemic = field.epistemic_std.astype(np.float16).astype(np.float32)
    if spacing is None:
        np.testing.assert_array_equal(merged.epistemic_std, epistemic)
    else:
        np.testing.assert_allclose(merged.epistemic_std, epistemic, rtol=2e-3, atol=1.2e-7)
    bound = abs(1.0 - factor) * np.abs(merged.density)
    if abs(1.0 - factor) > 0.02:
        assert (merged.std >= bound).all()
        assert (merged.epistemic_std < 1.01 * bound).any()
        assert f"multiplied by {factor:.4f}" in caplog.text
        finer = tmp_path / "finer.h5"
        refine(tmp_path / "density.h5", finer, 0.4)
        again = read_density(finer)
        assert (again.std >= abs(1.0 - factor) * np.abs(again.density)).all()
    else:
        assert (merged.std < bound).any()
        assert "multiplied" not in caplog.text


def test_a_layer_of_a_virtual_file_is_verified_in_its_shard(shard_paths, tmp_path):
    merge(shard_paths, tmp_path / "virtual.h5", scale_to_electrons=False, virtual=True)
    with open_density(tmp_path / "virtual.h5") as stored:
        np.testing.assert_array_equal(stored.read("density", 3), stored.file["density"][3])
    with h5py.File(shard_paths[0], "r+") as file:
        file["density"][3, 2, 1] *= 1.001
    with (
        open_density(tmp_path / "virtual.h5") as stored,
        pytest.raises(FileFormatError, match=r"shard-0\.h5: density does not match"),
    ):
        stored.read("density", 3)


def test_shards_come_in_any_order(shard_paths, tmp_path):
    merge(shard_paths, tmp_path / "sorted.h5")
    merge(shard_paths[::-1], tmp_path / "turned.h5")
    one, other = (read_density(tmp_path / f"{name}.h5") for name in ("sorted", "turned"))
    np.testing.assert_array_equal(one.density, other.density)
    assert one.record == other.record
