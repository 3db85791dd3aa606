import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
from ase.build import bulk
from known_density import make_snapshot
from trainings import BASELINE, NETWORK, SMOOTH, TRAINING, misplaced

from rhocast import config, descriptors
from rhocast.checksums import seal_dataset
from rhocast.density import write_snapshot
from rhocast.learning import read_features, train
from rhocast.learning.split import split
from rhocast.model import DensityModel
from rhocast.structures import Structure


def test_the_network_learns_what_the_baseline_leaves(corrected, tmp_path):
    """The known density is a sum of atoms: the baseline takes nearly all of it, and its charge."""
    _, model = corrected
    density = make_snapshot().density
    assert model.normalisation.target_std < 0.05 * density.std()
    assert model.metadata["training"]["validation"]["rmse"] < 0.02 * density.std()
    strained = bulk("Al", cubic=True)
    strained.set_cell(strained.cell * 1.04, scale_atoms=True)
    write_snapshot(tmp_path / "strained.h5", make_snapshot(strained, seed=9))
    assert misplaced(model, tmp_path / "strained.h5") < 0.01


def test_prediction_is_baseline_and_network(corrected):
    _, model = corrected
    structure = make_snapshot(seed=5).structure
    points = np.random.default_rng(0).random((50, 3)) @ structure.cell
    features = descriptors.make(model.descriptor, model.species).bind(structure)(points)
    network, whole = (
        model.predict(features, model.draw(3)),
        model.bind(structure)(points, model.draw(3)),
    )
    baseline = model.baseline.bind(structure)(points)
    np.testing.assert_allclose(whole.mean, baseline + network.mean, atol=1e-7)
    np.testing.assert_array_equal(whole.total_std, network.total_std)


def test_the_correction_fades_where_the_density_is_lower_than_any_trained_on(corrected):
    """By half where the pseudo-atoms hold half of the lowest density, wholly without any."""
    features, model = corrected
    data = read_features(features)
    parts = split(data, 0.25, np.random.default_rng(config.seed_for(0, "validation")))
    assert model.fading_density == data.target[parts.training].min() > 0.0
    atom = Structure(np.zeros((1, 3)), 60.0 * np.eye(3), np.array([13]))
    r = np.linspace(0.5, 8.0, 400)
    points = r[:, None] * [1.0, 0.0, 0.0]
    baseline = model.baseline.bind(atom)(points)
    correction = model.predict(descriptors.make(SMOOTH, ("Al",)).bind(atom)(points)).mean
    middle = np.abs(baseline - 0.5 * model.fading_density).argmin()
    change = model.bind(atom)(points).mean - baseline
    assert change[middle] == pytest.approx(0.5 * correction[middle], rel=0.05)
    dense = baseline > model.fading_density
    np.testing.assert_allclose(change[dense], correction[dense], atol=1e-6)
    far = model.bind(atom)(np.full((1, 3), 30.0), fast=True)
    assert far.mean == 0.0 == far.aleatoric_std
    assert far.epistemic_std == pytest.approx(0.3 * model.fading_density)
    assert model.predict(np.zeros((1, model.n_features), np.float32)).mean != 0.0


def test_a_model_with_baseline_returns_from_its_file(corrected, tmp_path):
    _, model = corrected
    model.save(tmp_path / "m.safetensors")
    loaded = DensityModel.load(tmp_path / "m.safetensors")
    assert loaded.hash == model.hash
    assert loaded.descriptor == SMOOTH
    assert loaded.baseline.parameters == BASELINE
    assert loaded.fading_density == model.fading_density > 0.0
    np.testing.assert_array_equal(loaded.baseline.tables, model.baseline.tables)
    assert replace(model, baseline=None).hash != model.hash


def test_the_baseline_is_fitted_to_what_is_trained_on(corrected, tmp_path):
    features, model = corrected
    data = read_features(features)
    parts = split(data, 0.25, np.random.default_rng(config.seed_for(0, "validation")))
    short = TRAINING.model_copy(update={"steps": 1})
    for rows, same in ((parts.validation, True), (parts.training, False)):
        copy = tmp_path / "absurd.h5"
        shutil.copy(features, copy)
        with h5py.File(copy, "a") as file:
            number = data.snapshot[rows[0]]
            file["target"][data.snapshot == number] *= 2.0
            seal_dataset(file["target"])
        other = train(copy, network=NETWORK, training=short, seed=0)
        assert np.array_equal(other.baseline.tables, model.baseline.tables) == same
