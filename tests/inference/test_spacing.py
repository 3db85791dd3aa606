"""Certified models: evaluated on a mesh that suffices, interpolated to the one asked for."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from small_model import make_smooth_model, make_structure

from rhocast.density import read_density, refine
from rhocast.density.formats.field import DensityFile
from rhocast.errors import ConfigError, FileFormatError
from rhocast.grid import Mesh
from rhocast.inference import (
    PredictionOptions,
    evaluation_spacing,
    merge,
    predict_density,
    predict_file,
    predict_on_mesh,
    predict_shard,
)
from rhocast.inference.certify import model_error
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.spacing import tell
from rhocast.model import Certificate

CERTIFICATE = Certificate(0.6, 4e-4, 7e-4, 0.25, ("Al32",), "Al4000", 1000)


@pytest.fixture(scope="module")
def plain():
    return make_smooth_model()


@pytest.fixture(scope="module")
def certified(plain):
    return replace(plain, certificate=CERTIFICATE)


def test_a_certified_model_is_evaluated_no_finer_than_it_needs(plain, certified):
    assert evaluation_spacing(certified) == 0.6
    assert evaluation_spacing(certified, 0.25) == 0.6
    assert evaluation_spacing(certified, 0.8) == 0.8
    assert evaluation_spacing(certified, 0.25, direct=True) == 0.25
    assert evaluation_spacing(plain, 0.25) == 0.25
    assert evaluation_spacing(certified, direct=True) == 0.6
    assert evaluation_spacing(plain) == 0.4


@pytest.mark.parametrize("asked", [0.0, -0.4, float("nan")])
def test_a_spacing_that_is_no_length_is_refused(certified, asked):
    with pytest.raises(ConfigError, match="expected a positive length"):
        evaluation_spacing(certified, asked)


def test_memory_gets_the_mesh_that_was_asked_for(plain, certified):
    structure = make_structure()
    field = predict_density(
        certified,
        structure,
        PredictionOptions(asked_spacing_bohr=0.35, uncertainty="fast"),
        scale_to_electrons=False,
    )
    assert (field.mesh.spacing <= 0.35).all()
    assert 0.5 < max(field.record["evaluated_mesh_spacing_bohr"]) <= 0.6
    assert field.record["asked_mesh_spacing_bohr"] == 0.35
    assert field.record["interpolation_error"] == 7e-4
    expected = predict_on_mesh(plain, structure, field.mesh, PredictionOptions(uncertainty="fast"))
    misplaced = np.abs(field.density - expected.density).sum() / expected.density.sum()
    assert 1e-6 < misplaced < 5e-3
    coarse = Mesh.with_spacing(structure.cell, 0.6)
    count = predict_on_mesh(plain, structure, coarse).electron_count
    assert field.electron_count == pytest.approx(count, rel=1e-6)
    assert field.epistemic_std.min() > 0.0
    direct = predict_density(
        certified,
        structure,
        PredictionOptions(asked_spacing_bohr=0.35),
        scale_to_electrons=False,
        direct=True,
    )
    np.testing.assert_array_equal(direct.density, expected.density)


def predict_asked(model, path, asked=0.4, uncertainty="none", **how):
    """Predict a file the way the command line does."""
    structure = make_structure()
    mesh = Mesh.with_spacing(structure.cell, evaluation_spacing(model, asked))
    options = PredictionOptions(asked_spacing_bohr=asked, uncertainty=uncertainty)
    predict_file(model, structure, mesh, path, options, **how)
    return read_density(path)


def predict_shards(model, folder, asked):
    """Predict one shard for each asked spacing, on one coarse mesh."""
    structure = make_structure()
    mesh = Mesh.with_spacing(structure.cell, 0.6)
    paths = [folder / f"shard-{k}.h5" for k in range(len(asked))]
    for k, path in enumerate(paths):
        options = PredictionOptions(uncertainty="fast", asked_spacing_bohr=asked[k])
        predict_shard(model, structure, mesh, path, options, shard=k, n_shards=len(paths))
    return paths


def test_the_file_is_on_the_mesh_that_was_asked_for(certified, tmp_path):
    field = predict_asked(certified, tmp_path / "density.h5", uncertainty="fast")
    expected = predict_density(
        certified, make_structure(), PredictionOptions(asked_spacing_bohr=0.4, uncertainty="fast")
    )
    assert field.mesh.shape == Mesh.with_spacing(field.cell, 0.4).shape
    np.testing.assert_allclose(field.density, expected.density, rtol=1e-5)
    np.testing.assert_allclose(field.epistemic_std, expected.epistemic_std, rtol=2e-3)
    assert field.epistemic_std.min() > 0.0
    assert field.electron_count == pytest.approx(17.0, rel=1e-6)
    record = field.record
    assert record["scale"] * record["electron_count_before_scaling"] == pytest.approx(17.0)
    assert record["asked_mesh_spacing_bohr"] == 0.4
    assert 0.5 < max(record["evaluated_mesh_spacing_bohr"]) <= 0.6
    assert record["interpolation_error"] == 7e-4
    assert [path.name for path in tmp_path.iterdir()] == ["density.h5"]


def test_shards_keep_what_was_evaluated_and_merge_gives_what_was_asked_for(certified, tmp_path):
    paths = predict_shards(certified, tmp_path, [0.4] * 3)
    merge(paths, tmp_path / "density.h5")
    merged = read_density(tmp_path / "density.h5")
    whole = predict_asked(certified, tmp_path / "whole.h5", uncertainty="fast")
    assert merged.record == whole.record
    for name in whole.fields:
        np.testing.assert_array_equal(getattr(merged, name), getattr(whole, name))
    merge(paths, tmp_path / "virtual.h5", scale_to_electrons=False, virtual=True)
    evaluated = read_density(tmp_path / "virtual.h5").mesh
    assert evaluated.shape == Mesh.with_spacing(whole.cell, 0.6).shape
    assert len(list(tmp_path.iterdir())) == 3 + 3


@pytest.mark.mpi
def test_ranks_interpolate_what_is_merged_to_the_same_file(certified, tmp_path, run_verb):
    paths = predict_shards(certified, tmp_path, [0.4] * 3)
    merge(paths, tmp_path / "alone.h5")
    code, output = run_verb(2, "merge", *paths, "-o", tmp_path / "ranks.h5")
    assert code == 0, output
    assert (tmp_path / "ranks.h5").read_bytes() == (tmp_path / "alone.h5").read_bytes()
    assert len(list(tmp_path.iterdir())) == 3 + 2


def test_shards_for_different_meshes_are_refused(certified, tmp_path):
    paths = predict_shards(certified, tmp_path, [0.4, 0.3])
    with pytest.raises(FileFormatError, match="shard of another prediction"):
        merge(paths, tmp_path / "density.h5")


def test_a_damaged_shard_is_named_before_it_is_interpolated(certified, tmp_path):
    paths = predict_shards(certified, tmp_path, [0.4] * 2)
    with h5py.File(paths[1], "r+") as file:
        file["epistemic_std"][0, 2, 1] = np.nan
    with pytest.raises(FileFormatError, match=r"shard-1\.h5: epistemic_std does not match"):
        merge(paths, tmp_path / "density.h5")
    assert sorted(tmp_path.iterdir()) == paths


def test_the_certificate_bounds_the_difference_to_direct_evaluation(plain, tmp_path):
    structure = make_structure()
    fine = Mesh.with_spacing(structure.cell, 0.35)
    error, _ = model_error(plain, structure, 0.6, 0.35, n_blocks=1000)
    certified = replace(plain, certificate=replace(CERTIFICATE, model_error=error))
    path = tmp_path / "density.h5"
    field = predict_asked(certified, path, 0.35, scale_to_electrons=False)
    direct = predict_on_mesh(plain, structure, fine)
    misplaced = np.abs(field.density - direct.density).sum() / direct.density.sum()
    assert 1e-6 < misplaced <= 1.01 * field.record["interpolation_error"]


def test_a_killed_interpolation_begins_anew_from_what_was_evaluated(
    certified, tmp_path, monkeypatch
):
    path, left = tmp_path / "density.h5", tmp_path / "density.h5.shard"

    def fail(*_):
        raise OSError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(DensityFile, "read_periodic", fail)
        with pytest.raises(OSError, match="the power is gone"):
            predict_asked(certified, path)
    assert list(tmp_path.iterdir()) == [left]
    for suffix in (".0123abcd.partial", ".evaluated"):  # what SIGKILL leaves besides
        path.with_name(path.name + suffix).write_bytes(b"half")
    monkeypatch.setattr(BlockPredictor, "__call__", fail)
    assert predict_asked(certified, path).electron_count == pytest.approx(17.0, rel=1e-6)
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_mesh_the_certified_one_is_evaluated_and_written(certified, tmp_path):
    field = predict_asked(certified, tmp_path / "density.h5", None)
    assert field.mesh.shape == Mesh.with_spacing(field.cell, 0.6).shape
    assert "refined_from_mesh" not in field.record
    assert field.record["interpolation_error"] == 7e-4


def test_no_bound_is_claimed_on_a_coarser_mesh(certified, tmp_path):
    assert "interpolation_error" not in predict_asked(certified, tmp_path / "d.h5", 1.5).record


def test_refine_keeps_the_stored_spacing_unless_told(certified, tmp_path):
    field = predict_asked(certified, tmp_path / "density.h5", 0.4)
    half = ((0.0, 0.5), (0.0, 1.0), (0.0, 1.0))
    refine(tmp_path / "density.h5", tmp_path / "part.h5", part=half)
    part = read_density(tmp_path / "part.h5")
    assert 0.9 * field.mesh.spacing.max() < part.mesh.spacing.max() <= field.mesh.spacing.max()


def test_what_is_told_of_a_mesh(plain, certified, caplog):
    """Nothing is interpolated in a reduction; a mesh that counts no electrons is warned of."""
    caplog.set_level("INFO")
    for model, asked, evaluated, reduced, told in (
        (certified, 0.2, 0.6, True, "and a reduction takes no finer one without --direct"),
        (certified, 0.2, 0.6, False, "interpolation between its points misplaces at most"),
        (certified, 5.0, 5.0, False, "too coarse for a valence density, certified is 0.6 Bohr"),
        (plain, 3.0, 3.0, False, "too coarse for a valence density: electrons are miscounted"),
    ):
        caplog.clear()
        tell(model, asked, evaluated, reduced)
        assert told in caplog.text
        assert ("interpolation between" in caplog.text) == (told.startswith("interpolation"))


def test_a_spacing_that_is_no_number_is_refused(certified):
    with pytest.raises(ConfigError, match="expected a length in Bohr, found 'a'"):
        evaluation_spacing(certified, "a")
