import logging
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from ase.build import bulk
from known_density import DESCRIPTOR, RECORD, VALENCE, make_snapshot, write_dataset

import rhocast
from rhocast import config, descriptors
from rhocast.dft.snapshot import read_snapshot, write_snapshot
from rhocast.errors import ConfigError, ModelError
from rhocast.learning import read_features, sample_features, train, transfer
from rhocast.learning.split import split, thin
from rhocast.model import DensityModel

NETWORK = config.Network(width=16, blocks=1)
TRAINING = config.Training(
    dataset="small", steps=300, batch_size=128, learning_rate=1e-2, validation_share=0.25
)
SMOOTH = config.SmoothDescriptor(
    kind="smooth", cutoff_bohr=8.0, radial_functions=3, narrowest_bohr=0.8, angular=2
)
BASELINE = config.Baseline(cutoff_bohr=8.0, intervals=12)
TRANSFER = config.Transfer(
    dataset="large",
    steps=200,
    batch_size=128,
    learning_rate=5e-3,
    validation_share=0.25,
    frozen_share=0.3,
)


def sampled(path, snapshots, descriptor=DESCRIPTOR, **changes):
    options = {"points_per_snapshot": 400, "seed": 0, "valence": VALENCE} | changes
    sample_features(path, snapshots, descriptor=descriptor, **options)
    return path


def misplaced(model: DensityModel, path) -> float:
    """Share of the electrons that the model puts in the wrong place."""
    snapshot = read_snapshot(path)
    points = snapshot.mesh.points(np.arange(snapshot.mesh.n_points))
    predicted = model.bind(snapshot.structure)(points).mean
    density = snapshot.density.reshape(-1)
    return float(np.abs(predicted - density).sum() / density.sum())


def same_parameters(model: DensityModel, other: DensityModel) -> list[set[bool]]:
    """Layer by layer: whether means and deviations of weights and biases are the same."""
    pairs = zip(model.network.layers, other.network.layers, strict=True)
    return [
        {torch.equal(value, b.state_dict()[name]) for name, value in a.state_dict().items()}
        for a, b in pairs
    ]


def absurd_but_for(path, rows):
    """Copy a feature file with absurd targets in all rows but the given ones."""
    copy = path.with_name("absurd.h5")
    shutil.copy(path, copy)
    with h5py.File(copy, "a") as file:
        target = np.full(len(file["target"]), 1e3, np.float32)
        target[rows] = file["target"][rows]
        file["target"][:] = target
    return copy


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return sampled(folder / "small.h5", write_dataset(folder))


@pytest.fixture(scope="module")
def base(features):
    return train(features, network=NETWORK, training=TRAINING, seed=0)


@pytest.fixture
def larger(tmp_path):
    """Snapshots whose density differs from the small cells': more electrons to an atom."""
    paths = []
    for seed in range(3):
        path = tmp_path / "large" / f"{300 + 100 * seed}K" / "0.h5"
        atoms = bulk("Al", cubic=True).repeat((2, 1, 1))
        write_snapshot(path, make_snapshot(atoms, seed=10 + seed, charge=3.3))
        paths.append(path)
    return paths


def test_a_known_density_is_learnt(base, tmp_path):
    write_snapshot(tmp_path / "unseen.h5", make_snapshot(seed=9))
    assert misplaced(base, tmp_path / "unseen.h5") < 0.02


def test_metadata_say_what_was_learnt_and_how_well(base, features):
    record = base.metadata["training"]
    assert base.metadata["valence"] == {"Al": 3.0}
    assert base.metadata["provenance"] == read_features(features).provenance
    assert record["temperatures_K"] == [300.0, 303.0]
    assert record["cells"] == ["Al4"]
    assert set(record["snapshots"]) == {f"al4/{t}K/{i}.h5" for t in (300, 400) for i in (0, 1)}
    assert record["points"] == 1200
    assert record["rhocast_version"] == rhocast.__version__
    assert record["validation"]["held_back"] == "snapshots"
    assert 0.0 < record["validation"]["rmse"] < 1e-3
    assert len(record["data_hash"]) == len(base.metadata["config_hash"]) == 64


def test_a_rerun_gives_the_same_model(base, features):
    torch.rand(5)
    again = train(features, network=NETWORK, training=TRAINING, seed=0)
    assert again.hash == base.hash
    assert train(features, network=NETWORK, training=TRAINING, seed=1).hash != base.hash


def test_what_is_held_back_does_not_enter_the_fit(features):
    data = read_features(features)
    parts = split(data, 0.25, np.random.default_rng(config.seed_for(0, "validation")))
    short = TRAINING.model_copy(update={"steps": 20})
    options = {"network": NETWORK, "training": short, "seed": 0}
    model = train(features, **options)
    other = train(absurd_but_for(features, parts.training), **options)
    assert same_parameters(other, model) == [{True}] * 4
    assert other.normalisation.target_std == model.normalisation.target_std
    error, absurd = (m.metadata["training"]["validation"]["rmse"] for m in (model, other))
    assert absurd > 1e3 * error


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
    assert model.normalisation is base.normalisation
    assert same_parameters(model, base) == [{True}, {False}, {False}, {False}]
    assert all(parameter.requires_grad for parameter in model.network.parameters())


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


def binary_snapshot(seed, swapped=False):
    atoms = bulk("Si", cubic=True)
    atoms.numbers[np.random.default_rng(seed).permutation(8)[:4]] = 32
    snapshot = make_snapshot(atoms, seed=seed, charge=4.0, n_electrons=32.0, record={})
    if not swapped:
        return snapshot
    numbers = np.where(snapshot.structure.numbers == 14, 32, 14)
    return replace(snapshot, structure=replace(snapshot.structure, numbers=numbers))


def test_two_species_are_learnt_and_told_apart(tmp_path):
    paths = [tmp_path / f"{seed}.h5" for seed in range(4)]
    for seed, path in enumerate(paths):
        write_snapshot(path, binary_snapshot(seed))
    valence = {"Si": 4.0, "Ge": 4.0}
    features = sampled(tmp_path / "f.h5", paths[:3], valence=valence, points_per_snapshot=1700)
    training = TRAINING.model_copy(update={"steps": 600})
    model = train(features, network=NETWORK, training=training, seed=0)
    assert model.species == ("Si", "Ge")
    assert misplaced(model, paths[3]) < 0.04
    write_snapshot(paths[3], binary_snapshot(3, swapped=True))
    assert misplaced(model, paths[3]) > 0.08


def test_what_was_held_back_is_logged(features, caplog):
    short = TRAINING.model_copy(update={"steps": 2})
    with caplog.at_level(logging.INFO):
        train(features, network=NETWORK, training=short, seed=0)
    assert "training on 1200 points, snapshots held back" in caplog.text


@pytest.fixture(scope="module")
def corrected(tmp_path_factory):
    """A feature file with a baseline, and the model trained on it."""
    folder = tmp_path_factory.mktemp("corrected")
    features = sampled(folder / "f.h5", write_dataset(folder), SMOOTH, baseline=BASELINE)
    short = TRAINING.model_copy(update={"steps": 100})
    return features, train(features, network=NETWORK, training=short, seed=0)


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
    expected = model.baseline.bind(structure)(points) + network.mean
    np.testing.assert_allclose(whole.mean, expected, atol=1e-7)
    np.testing.assert_array_equal(whole.total_std, network.total_std)


def test_a_model_with_baseline_returns_from_its_file(corrected, tmp_path):
    _, model = corrected
    model.save(tmp_path / "m.safetensors")
    loaded = DensityModel.load(tmp_path / "m.safetensors")
    assert loaded.hash == model.hash
    assert loaded.descriptor == SMOOTH
    assert loaded.baseline.parameters == BASELINE
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
            file["baseline_vector"][data.snapshot[rows[0]]] *= 2.0
        other = train(copy, network=NETWORK, training=short, seed=0)
        assert np.array_equal(other.baseline.tables, model.baseline.tables) == same


def test_transfer_keeps_the_baseline(corrected, larger, tmp_path):
    _, base = corrected
    features = sampled(tmp_path / "l.h5", larger[:2], SMOOTH, baseline=BASELINE)
    model = transfer(base, features, transfer=TRANSFER, seed=0)
    assert model.baseline is base.baseline
    assert misplaced(model, larger[2]) < 0.8 * misplaced(base, larger[2])
    without = sampled(tmp_path / "w.h5", larger[:2], SMOOTH)
    with pytest.raises(ModelError, match=r"w\.h5: baseline is None, the base model's is cutoff"):
        transfer(base, without, transfer=TRANSFER, seed=0)


def test_a_trained_model_has_calibrated_error_bars(base, tmp_path):
    """Errors on a cell like those trained on are covered; one that is unlike them is found out."""
    assert set(base.calibrations) == {"fast", "sampled"}
    spread = {}
    for name, scale in (("like", 1.0), ("unlike", 0.85)):
        atoms = bulk("Al", cubic=True)
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        snapshot = make_snapshot(atoms, seed=9)
        points = snapshot.mesh.points(np.arange(snapshot.mesh.n_points))
        bound = base.bind(snapshot.structure)
        found = bound(points, fast=True)
        error = np.abs(found.mean - snapshot.density.reshape(-1))
        outside = base.is_outside(bound.descriptor(points)).mean()
        spread[name] = np.median(found.epistemic_std), outside
        if name == "like":
            assert 0.5 < np.mean(error < found.total_std) < 0.9
    assert spread["unlike"][0] > 2.0 * spread["like"][0]
    assert spread["like"][1] < 0.05
    assert spread["unlike"][1] > 0.3


def test_fast_uncertainty_returns_from_the_file_and_costs_no_mean(base, tmp_path):
    features = np.random.default_rng(0).random((50, base.n_features)).astype(np.float32)
    base.save(tmp_path / "m.safetensors")
    loaded = DensityModel.load(tmp_path / "m.safetensors")
    assert loaded.hash == base.hash
    assert loaded.calibrations == base.calibrations
    expected, found = base.predict(features, fast=True), loaded.predict(features, fast=True)
    np.testing.assert_array_equal(found.epistemic_std, expected.epistemic_std)
    np.testing.assert_array_equal(found.mean, base.predict(features).mean)


def test_models_without_a_last_layer_refuse_fast(base):
    features = np.zeros((3, base.n_features), np.float32)
    with pytest.raises(ModelError, match=r"holds no `fast` one.*train it again, or ask for `sampl"):
        replace(base, last_layer=None).predict(features, fast=True)


def test_a_trajectory_can_be_held_back_by_name(features):
    named = {"validation_trajectories": ("al4/400K",), "steps": 2}
    model = train(features, network=NETWORK, training=TRAINING.model_copy(update=named), seed=0)
    record = model.metadata["training"]
    assert record["validation"]["held_back"] == "trajectories"
    assert record["points"] == record["validation"]["points"] == 800
    named["validation_trajectories"] = ("al4/500K",)
    with pytest.raises(ConfigError, match=r"some but not all of al4/300K, al4/400K, found al4/5"):
        train(features, network=NETWORK, training=TRAINING.model_copy(update=named), seed=0)
