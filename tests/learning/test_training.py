import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import bulk
from known_density import make_snapshot
from trainings import NETWORK, TRAINING, absurd_but_for, misplaced, same_parameters, sampled

import rhocast
from rhocast import config
from rhocast.density import write_snapshot
from rhocast.errors import ConfigError
from rhocast.learning import read_features, train
from rhocast.learning.split import split


def test_a_known_density_is_learnt(base, tmp_path):
    write_snapshot(tmp_path / "unseen.h5", make_snapshot(seed=9))
    assert misplaced(base, tmp_path / "unseen.h5") < 0.02


def test_metadata_say_what_was_learnt_and_how_well(base, features):
    record = base.metadata["training"]
    assert base.metadata["valence"] == {"Al": 3.0}
    assert base.metadata["provenance"] == read_features(features).provenance
    assert record["temperatures_K"] == [300.0, 303.0]
    assert record["cells"] == ["Al4"]
    assert {words for words, _ in record["kpoints"]} == {"2 2 2 shift 0 0 0"}
    assert record["kpoints"][0][1] == pytest.approx([2 * np.pi / 7.65 / 2] * 3, rel=0.1)
    assert list(record["closest_bohr"]) == ["Al-Al"]
    assert 3.0 < record["closest_bohr"]["Al-Al"] < 5.5
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


def test_what_was_held_back_is_logged(features, caplog):
    short = TRAINING.model_copy(update={"steps": 2})
    with caplog.at_level(logging.INFO):
        train(features, network=NETWORK, training=short, seed=0)
    assert "training on 1200 points, snapshots held back" in caplog.text


def test_a_trajectory_can_be_held_back_by_name(features):
    named = {"validation_trajectories": ("al4/400K",), "steps": 2}
    model = train(features, network=NETWORK, training=TRAINING.model_copy(update=named), seed=0)
    record = model.metadata["training"]
    assert record["validation"]["held_back"] == "trajectories"
    assert record["points"] == record["validation"]["points"] == 800
    named["validation_trajectories"] = ("al4/500K",)
    told = r"some but not all of al4/300K, al4/400K, or snapshots such as al4/300K/0, found al4/5"
    with pytest.raises(ConfigError, match=told):
        train(features, network=NETWORK, training=TRAINING.model_copy(update=named), seed=0)


def test_a_snapshot_can_be_held_back_by_name(features):
    data = read_features(features)
    named = ("al4/300K/1", "al4/400K")
    parts = split(data, 0.1, np.random.default_rng(0), named)
    kept = {data.records[i].source for i in np.unique(data.snapshot[parts.training])}
    assert kept == {"al4/300K/0.h5"}
    assert parts.held_back == "snapshots"
    assert len(parts.training) + len(parts.validation) == len(data)


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
