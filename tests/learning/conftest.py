"""A dataset and the model that is trained on it, once for all tests of learning."""

import pytest
from ase.build import bulk
from known_density import make_snapshot, write_dataset
from trainings import BASELINE, NETWORK, SMOOTH, TRAINING, sampled

from rhocast.density import write_snapshot
from rhocast.learning import train


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return sampled(folder / "small.h5", write_dataset(folder))


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def corrected(tmp_path_factory):
    """A feature file with a baseline, and the model trained on it."""
    folder = tmp_path_factory.mktemp("corrected")
    features = sampled(folder / "f.h5", write_dataset(folder), SMOOTH, baseline=BASELINE)
    short = TRAINING.model_copy(update={"steps": 100})
    return features, train(features, network=NETWORK, training=short, seed=0)
