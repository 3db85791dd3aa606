from dataclasses import replace

import numpy as np
import pytest
import torch
from random_model import random_model
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from rhocast import config
from rhocast.errors import ModelError
from rhocast.learning.bayesian_network import DensityNetwork
from rhocast.model import DensityModel, Normalisation
from rhocast.model import checkpoint as checkpoint_module
from rhocast.model.shipped import model_path

PARAMETERS = config.Network(width=8, blocks=1)
DESCRIPTOR = config.SortedDescriptor(
    cutoff_bohr=7.0, distances=3, angle_atoms=1, angle_neighbours=2
)


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(3.0, 2.0, size=(5000, 5)).astype(np.float32)


@pytest.fixture
def model(features):
    target = np.random.default_rng(1).normal(0.03, 0.01, size=len(features))
    normalisation = Normalisation.of(features, target.astype(np.float32))
    metadata = {"training": {"temperatures_K": [300.0, 900.0]}}
    return random_model(DESCRIPTOR, ("Al",), PARAMETERS, normalisation, 0, metadata=metadata)


def test_normalisation_gives_zero_mean_and_unit_variance(model, features):
    scaled = model.normalisation.features(features)
    np.testing.assert_allclose(scaled.mean(0), np.zeros(5), atol=1e-4)
    np.testing.assert_allclose(scaled.std(0), np.ones(5), atol=1e-3)
    density = np.array([0.01, 0.05], np.float32)
    there_and_back = model.normalisation.density(model.normalisation.target(density))
    np.testing.assert_allclose(there_and_back, density, rtol=1e-5)


def test_model_files_are_the_same_byte_for_byte(model, tmp_path):
    for number in range(6):
        model.save(tmp_path / f"{number}.safetensors")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    again = DensityModel.load(tmp_path / "0.safetensors")
    again.save(tmp_path / "again.safetensors")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_constant_feature_is_harmless():
    normalisation = Normalisation.of(np.full((10, 2), 9.0, np.float32), np.ones(10, np.float32))
    scaled = normalisation.features(np.float32([[9.0, 8.0]]))
    np.testing.assert_allclose(scaled, [[0.0, -1.0]])


def test_prediction_is_the_network_in_physical_units(model, features):
    prediction = model.predict(features)
    with torch.no_grad():
        scaled = torch.from_numpy(model.normalisation.features(features))
        mean, std = DensityNetwork.of(model.network, PARAMETERS)(scaled)
    width, centre = model.normalisation.target_std, model.normalisation.target_mean
    np.testing.assert_allclose(prediction.mean, mean.numpy() * width + centre, rtol=1e-4)
    np.testing.assert_allclose(prediction.aleatoric_std, std.numpy() * width, rtol=1e-4)
    assert prediction.epistemic_std is None
    assert prediction.mean.dtype == prediction.aleatoric_std.dtype == np.float32


def test_epistemic_deviation_is_the_spread_over_drawn_weights(model, features):
    prediction = model.predict(features[:50], model.draw(6, seed=2))
    scaled = model.normalisation.features(features[:50])
    drawn = [network(scaled)[0] for network in model.network.draw(6, seed=2)]
    expected = np.std(drawn, axis=0, ddof=1) * model.normalisation.target_std
    np.testing.assert_allclose(prediction.epistemic_std, expected, rtol=1e-3)
    np.testing.assert_allclose(
        prediction.total_std**2,
        prediction.epistemic_std**2 + prediction.aleatoric_std**2,
        rtol=1e-5,
    )


def test_the_field_does_not_depend_on_how_points_are_grouped(model, features):
    whole = model.predict(features, model.draw(3, seed=1))
    parts = [model.predict(part, model.draw(3, seed=1)) for part in np.array_split(features, 7)]
    for name in ("mean", "aleatoric_std", "epistemic_std"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(joined, getattr(whole, name), rtol=1e-4, atol=1e-9)


def test_no_points_give_an_empty_prediction(model):
    prediction = model.predict(np.zeros((0, 5), np.float32), model.draw(2))
    assert prediction.mean.shape == prediction.epistemic_std.shape == (0,)


def test_refuses_features_of_another_width(model):
    with pytest.raises(ModelError, match=r"expected shape \(p, 5\).*found \(4, 6\)"):
        model.predict(np.zeros((4, 6), np.float32))


def test_refuses_a_single_sample(model):
    with pytest.raises(ModelError, match="samples: expected 0 or at least 2"):
        model.draw(1)


def test_round_trip_through_a_file(model, features, tmp_path):
    model.save(tmp_path / "model.safetensors")
    loaded = DensityModel.load(tmp_path / "model.safetensors")
    assert loaded.hash == model.hash
    assert loaded.metadata == model.metadata
    assert loaded.species == model.species
    assert loaded.descriptor == model.descriptor
    assert loaded.n_features == 5
    expected, found = (m.predict(features[:9], m.draw(2)) for m in (model, loaded))
    np.testing.assert_array_equal(found.mean, expected.mean)
    np.testing.assert_array_equal(found.epistemic_std, expected.epistemic_std)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]


def test_others_may_read_the_file(model, tmp_path):
    path = tmp_path / "model.safetensors"
    plain = tmp_path / "plain"
    plain.touch()
    model.save(path)
    assert path.stat().st_mode == plain.stat().st_mode


def test_loading_leaves_the_random_numbers_alone(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    DensityModel.load(tmp_path / "model.safetensors")
    torch.testing.assert_close(torch.rand(3), expected, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("name", ["al", "sige", "sige-demo"])
def test_the_hash_of_shipped_models_is_what_files_have_recorded(name):
    """Fields name their model by it: torch computed it once, NumPy does now."""
    path = model_path(name)
    with safe_open(path, framework="numpy") as file:
        assert DensityModel.load(path).hash == file.metadata()["sha256"]


def test_hash_sees_weights_and_metadata(model):
    assert replace(model, metadata={}).hash != model.hash
    before = model.hash
    model.network.layers[-1].bias[0] += 1e-6
    assert model.hash != before


def test_refuses_a_truncated_file(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors: cannot be read"):
        DensityModel.load(path)


def test_refuses_a_damaged_file(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x40
    path.write_bytes(bytes(content))
    with pytest.raises(ModelError, match="does not match its checksum"):
        DensityModel.load(path)


@pytest.mark.parametrize("content", [b"", b"no model", b"CDF\x01" + bytes(100)])
def test_refuses_what_is_no_safetensors_file(content, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as a model file"):
        DensityModel.load(path)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"absent\.safetensors: no such file"):
        DensityModel.load(tmp_path / "absent.safetensors")


def test_refuses_tensors_of_another_program(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"weight": np.zeros(3)}, path)
    with pytest.raises(ModelError, match="no Rhocast model"):
        DensityModel.load(path)


def test_refuses_another_format_version(model, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    monkeypatch.setattr(checkpoint_module, "FORMAT_VERSION", 99)
    model.save(path)
    monkeypatch.undo()
    with pytest.raises(ModelError, match="model format 99, this program reads 1"):
        DensityModel.load(path)


def test_refuses_a_descriptor_of_another_version(model, tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    model.save(path)

    def changed(data):
        raise ValueError("narrowest_bohr: unknown key")

    monkeypatch.setattr(config, "parse_descriptor", changed)
    with pytest.raises(ModelError, match=r"no such descriptor as .*train it again"):
        DensityModel.load(path)


def test_the_file_is_plain_safetensors(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    tensors = load_file(path)
    assert tensors["normalisation.feature_mean"].shape == (5,)
    assert tensors["entry.weight"].shape == (8, 5)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [(b'\\"blocks\\": 2', b'\\"blocks\\"; 2'), (b'"sha256":', b'"sha265":'),
     (b'"metadata":"{', b'"metadatb":"{')],
)  # fmt: skip
def test_a_header_that_is_damaged_is_told(was, becomes, tmp_path):
    content = model_path("sige-demo").read_bytes()
    assert content.count(was) == 1
    path = tmp_path / "model.safetensors"
    path.write_bytes(content.replace(was, becomes))
    with pytest.raises(ModelError, match="does not match its checksum"):
        DensityModel.load(path)
