from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from known_density import make_snapshot

from rhocast.errors import ModelError
from rhocast.model import DensityModel


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
        outside = base.is_outside(base.normalisation.features(bound.descriptor(points))).mean()
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


def melt(atoms, seed):
    """Put the atoms anywhere, 1.9 Å apart."""
    rng, length, places = np.random.default_rng(seed), atoms.cell[0, 0], []
    while len(places) < len(atoms):
        offsets = np.reshape(places, (-1, 3)) - (place := rng.random(3) * length)
        offsets -= length * np.round(offsets / length)
        if (np.linalg.norm(offsets, axis=1) > 1.9).all():
            places.append(place)
    atoms.positions = places


@pytest.mark.parametrize(
    ("kind", "flagged"), [("like", False), ("liquid", True), ("compressed", True)]
)
def test_what_a_model_of_a_crystal_has_never_seen_is_flagged(base, kind, flagged):
    shares = []
    for seed in range(30, 34):
        atoms = bulk("Al", cubic=True)
        if kind == "liquid":
            melt(atoms, seed)
        elif kind == "compressed":
            atoms.set_cell(atoms.cell * 0.94, scale_atoms=True)
        snapshot = make_snapshot(atoms, seed)
        points = snapshot.mesh.points(np.arange(snapshot.mesh.n_points))
        features = base.bind(snapshot.structure).descriptor(points)
        shares.append(base.is_outside(base.normalisation.features(features)).mean())
    assert (np.mean(shares) > 3.0 * base.training_range.usual_share) == flagged
