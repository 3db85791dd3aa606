import numpy as np
import pytest
from known_density import RECORD, make_snapshot
from trainings import (
    BASELINE,
    SMOOTH,
    TRAINING,
    TRANSFER,
    absurd_but_for,
    misplaced,
    same_parameters,
    sampled,
)

from rhocast import config
from rhocast.density import write_snapshot
from rhocast.errors import ModelError
from rhocast.learning import read_features, train, transfer
from rhocast.learning.split import split, thin
from rhocast.model import DensityModel


def test_transfer_lowers_the_error_on_larger_cells(base, larger, tmp_path):
    features = sampled(tmp_path / "large.h5", larger[:2])
    before = base.hash
    model = transfer(base, features, transfer=TRANSFER, seed=0)
    assert base.hash == before
    assert misplaced(model, larger[2]) < 0.5 * misplaced(base, larger[2])
    assert model.metadata["transfer"]["base_hash"] == base.hash
    assert model.metadata["transfer"]["points"] == 240  # 0.4 of what is not held back
    assert model.metadata["training"] == base.metadata["training"]
    assert model.metadata["provenance"] == base.metadata["provenance"]
    assert model.metadata["config_hash"] != base.metadata["config_hash"]


def test_transfer_keeps_the_first_layers_and_the_normalisation(base, larger, tmp_path):
    model = transfer(base, sampled(tmp_path / "l.h5", larger), transfer=TRANSFER, seed=0)
    for name, value in vars(base.normalisation).items():
        np.testing.assert_array_equal(getattr(model.normalisation, name), value)
    assert same_parameters(model, base) == [{True}, {False}, {False}, {False}]


@pytest.mark.parametrize(
    ("changes", "frozen"), [({}, 2), ({"frozen_share": 0.0}, 0), ({"frozen_share": 0.99}, 5)]
)
def test_frozen_layers_are_the_first_and_never_all(larger, tmp_path, features, changes, frozen):
    network = config.Network(width=8, blocks=2)  # six layers
    short = TRAINING.model_copy(update={"steps": 5})
    base = train(features, network=network, training=short, seed=0)
    schedule = config.Transfer(dataset="large", steps=5, batch_size=64, learning_rate=1e-2)
    model = transfer(
        base,
        sampled(tmp_path / "l.h5", larger),
        transfer=schedule.model_copy(update=changes),
        seed=0,
    )
    assert same_parameters(model, base) == [{True}] * frozen + [{False}] * (6 - frozen)


def test_transfer_sees_its_share_alone(base, larger, tmp_path):
    features = sampled(tmp_path / "large.h5", larger)
    rng = np.random.default_rng(config.seed_for(0, "validation"))
    used = thin(split(read_features(features), TRANSFER.validation_share, rng), 0.4, rng).training
    short = TRANSFER.model_copy(update={"steps": 20})
    model = transfer(base, features, transfer=short, seed=0)
    other = transfer(base, absurd_but_for(features, used), transfer=short, seed=0)
    assert same_parameters(other, model) == [{True}] * 4
    other = transfer(base, absurd_but_for(features, used[1:]), transfer=short, seed=0)
    assert same_parameters(other, model) != [{True}] * 4


def test_transfer_of_a_model_from_a_file(base, larger, tmp_path):
    features = sampled(tmp_path / "large.h5", larger)
    base.save(tmp_path / "base.safetensors")
    loaded = DensityModel.load(tmp_path / "base.safetensors")
    expected = transfer(base, features, transfer=TRANSFER, seed=0)
    assert transfer(loaded, features, transfer=TRANSFER, seed=0).hash == expected.hash


def test_transfer_refuses_features_of_another_kind(base, larger, tmp_path):
    other = config.SortedDescriptor(cutoff_bohr=8.0, distances=5, angle_atoms=0, angle_neighbours=0)
    features = sampled(tmp_path / "other.h5", larger, descriptor=other)
    with pytest.raises(ModelError, match=r"other\.h5: descriptor is .*distances=5"):
        transfer(base, features, transfer=TRANSFER, seed=0)
    features = sampled(tmp_path / "two.h5", larger, valence={"Al": 3.0, "Si": 4.0})
    with pytest.raises(ModelError, match=r"species is \('Al', 'Si'\), the base model's is \('Al'"):
        transfer(base, features, transfer=TRANSFER, seed=0)


def test_transfer_refuses_other_valence_electrons(base, tmp_path):
    path = tmp_path / "s.h5"
    write_snapshot(path, make_snapshot(charge=11.0, n_electrons=44.0))
    features = sampled(tmp_path / "f.h5", [path], valence={"Al": 11.0})
    with pytest.raises(ModelError, match=r"valence is \{'Al': 11\.0\}, .* is \{'Al': 3\.0\}"):
        transfer(base, features, transfer=TRANSFER, seed=0)


@pytest.mark.parametrize("key", ["engine", "engine_version", "cutoff_ha", "psp8_Al_sha256"])
def test_transfer_refuses_densities_of_other_settings(base, tmp_path, key):
    path = tmp_path / "s.h5"
    write_snapshot(path, make_snapshot(record=RECORD | {key: "other"}))
    features = sampled(tmp_path / "f.h5", [path])
    with pytest.raises(ModelError, match=rf"{key} is other, the base model's is {RECORD[key]}"):
        transfer(base, features, transfer=TRANSFER, seed=0)
    write_snapshot(path, make_snapshot(record={}))
    features = sampled(tmp_path / "f.h5", [path])
    with pytest.raises(ModelError, match=f"{key} is not recorded, the base"):
        transfer(base, features, transfer=TRANSFER, seed=0)


def test_transfer_keeps_the_baseline(corrected, larger, tmp_path):
    _, base = corrected
    features = sampled(tmp_path / "l.h5", larger[:2], SMOOTH, baseline=BASELINE)
    model = transfer(base, features, transfer=TRANSFER, seed=0)
    assert model.baseline is base.baseline
    assert 0.0 < model.fading_density <= base.fading_density
    assert misplaced(model, larger[2]) < 0.8 * misplaced(base, larger[2])
    without = sampled(tmp_path / "w.h5", larger[:2], SMOOTH)
    with pytest.raises(ModelError, match=r"w\.h5: baseline is None, the base model's is cutoff"):
        transfer(base, without, transfer=TRANSFER, seed=0)
