"""Samples of the field: their variance, their correlation, and that they are one function."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from small_model import SHAPE, make_model, make_smooth_model, make_structure

from rhocast.density import read_density
from rhocast.errors import ConfigError, ModelError
from rhocast.evaluation.compiled import VARIABLE
from rhocast.evaluation.samples import CONCENTRATION, SampleEvaluator
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, merge, predict_on_mesh, predict_shard
from rhocast.model import DensityModel

COUNT = 600


@dataclass(frozen=True)
class AtFeatures:
    """An evaluator of a model's fields at points with known features."""

    model: DensityModel
    features: np.ndarray
    fields: tuple[str, ...]
    tile = 16
    whole_blocks = False

    def bind(self, _):
        found = vars(self.model.predict(self.features, fast=True))
        found["density"] = found["mean"]
        return lambda _: np.stack([found[name] for name in self.fields])


@pytest.fixture(scope="module")
def model():
    return make_smooth_model(multipoles=True)


def options(sample: int, seed: int = 0) -> PredictionOptions:
    return PredictionOptions(uncertainty="none", sample=sample, seed=seed)


def test_variance_and_correlation_are_as_defined(model):
    structure = make_structure()
    points = Mesh((4, 3, 4), structure.cell).points(np.arange(48))
    features = model.bind(structure).descriptor(points)
    predicted = model.predict(features, fast=True)

    def make(model, fields):
        return AtFeatures(model, features, fields)

    samples = [SampleEvaluator.of(model, k, 5, make).bind(None)([])[0] for k in range(COUNT)]
    z = (samples - predicted.mean) / np.hypot(predicted.epistemic_std, predicted.aleatoric_std)
    assert abs(z).max() < np.sqrt(2.0) + 1e-3
    hidden = model.network.hidden(model.normalisation.features(features))
    directions = model.last_layer.project(hidden)
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    expected = np.exp(-CONCENTRATION * (1.0 - directions @ directions.T))
    assert expected.min() < 0.6  # there is something to see
    np.testing.assert_allclose(z.T @ z / COUNT, expected, atol=5.0 / np.sqrt(COUNT))
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=5.0 / np.sqrt(COUNT))


def test_shards_hold_the_same_sample_as_the_whole_field(model, tmp_path):
    structure = make_structure()
    mesh = Mesh(SHAPE, structure.cell)
    shards = [tmp_path / f"{k}.h5" for k in range(2)]
    for k, path in enumerate(shards):
        predict_shard(model, structure, mesh, path, options(3), shard=k, n_shards=2)
    merge(shards, tmp_path / "d.h5", scale_to_electrons=False)
    stored = read_density(tmp_path / "d.h5")
    whole = predict_on_mesh(model, structure, mesh, options(3))
    np.testing.assert_array_equal(stored.density, whole.density)
    assert stored.record["sample"] == 3
    assert "epistemic_std" not in stored.fields


def test_back_ends_agree(model, monkeypatch):
    structure = make_structure()
    mesh = Mesh((9, 8, 10), structure.cell)
    usual, emulated = (
        predict_on_mesh(model, structure, mesh, replace(options(2), device=device)).density
        for device in (None, "emulated")
    )
    monkeypatch.setenv(VARIABLE, "none")
    reference = predict_on_mesh(model, structure, mesh, options(2)).density
    std = predict_on_mesh(model, structure, mesh, PredictionOptions(uncertainty="fast")).std
    for found, tolerance in ((usual, 0.1), (emulated, 0.01)):  # kernels may round to bfloat16
        assert (abs(found - reference) < tolerance * std).all()


def test_number_and_seed_choose_the_sample(model):
    structure = make_structure()
    mesh = Mesh((9, 8, 10), structure.cell)

    def sample(number, seed=0):
        return predict_on_mesh(model, structure, mesh, options(number, seed)).density

    np.testing.assert_array_equal(sample(0), sample(0))
    std = predict_on_mesh(model, structure, mesh, PredictionOptions(uncertainty="fast")).std
    for other in (sample(1), sample(0, seed=1)):
        assert abs(other - sample(0)).mean() > 0.3 * std.mean()


def test_what_has_no_samples_is_refused(model):
    structure = make_structure()
    mesh = Mesh((9, 8, 10), structure.cell)
    with pytest.raises(ConfigError, match="expected uncertainty `none`"):
        predict_on_mesh(model, structure, mesh, replace(options(0), uncertainty="fast"))
    with pytest.raises(ConfigError, match="expected a number from 0, found -1"):
        predict_on_mesh(model, structure, mesh, options(-1))
    with pytest.raises(ModelError, match="holds no `fast` one"):
        predict_on_mesh(make_model(), structure, mesh, options(0))
