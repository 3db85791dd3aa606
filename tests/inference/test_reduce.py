"""A field that is not kept leaves the same reductions as one that is."""

import h5py
import numpy as np
import pytest
from small_model import SHAPE, make_smooth_model, make_structure

from rhocast.density import open_density
from rhocast.density.reduction import reduce_density, write_reduction
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, predict_file, predict_reduced, reduce
from rhocast.inference.predictor import BlockPredictor

FAST = PredictionOptions(uncertainty="fast")


@pytest.fixture(scope="module")
def model():
    return make_smooth_model()


@pytest.fixture(scope="module")
def structure():
    return make_structure()


@pytest.fixture(scope="module")
def mesh(structure):
    return Mesh(SHAPE, structure.cell)


def arrays(path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


@pytest.fixture(scope="module")
def reduced(model, structure, mesh, tmp_path_factory):
    path = tmp_path_factory.mktemp("reduced") / "reduced.h5"
    predict_reduced(model, structure, mesh, path, FAST, coarse_bohr=3.0)
    assert [entry.name for entry in path.parent.iterdir()] == ["reduced.h5"]
    return arrays(path)


def test_the_stored_field_reduces_to_the_same(model, structure, mesh, reduced, tmp_path):
    predict_file(model, structure, mesh, tmp_path / "field.h5", FAST)
    with open_density(tmp_path / "field.h5") as field:
        reduction = reduce_density(field, 3.0)
        write_reduction(tmp_path / "again.h5", reduction, structure, mesh, {}, places=10)
    found = arrays(tmp_path / "again.h5")
    for name in ("profile_0", "profile_1", "profile_2", "coarse"):
        np.testing.assert_allclose(found[name][0], reduced[name][0], rtol=1e-5)
        scale = reduced[name][1].max()  # σ is stored in half precision, and has a floor
        assert (found[name][1] >= reduced[name][1] - 1e-3 * scale).all()
    assert reduced["density_counts"].sum() == mesh.n_points


def test_an_interrupted_run_goes_on(model, structure, mesh, reduced, tmp_path, monkeypatch):
    monkeypatch.setattr(reduce, "BLOCKS_BETWEEN_SAVES", 1)
    original, computed = BlockPredictor.__call__, []

    def fails_at_the_sixth(self, block, atoms):
        computed.append(block)
        if len(computed) == 6:
            raise KeyboardInterrupt
        return original(self, block, atoms)

    monkeypatch.setattr(BlockPredictor, "__call__", fails_at_the_sixth)
    path = tmp_path / "reduced.h5"
    with pytest.raises(KeyboardInterrupt):
        predict_reduced(model, structure, mesh, path, FAST, coarse_bohr=3.0)
    assert not path.exists()
    first = len(computed)
    predict_reduced(model, structure, mesh, path, FAST, coarse_bohr=3.0)
    assert len(computed) < first + 18
    for name, values in arrays(path).items():
        np.testing.assert_allclose(values, reduced[name], rtol=1e-12)


def test_another_prediction_begins_anew(model, structure, mesh, reduced, tmp_path):
    state = tmp_path / "reduced.h5.state.npz"
    state.write_bytes(b"no archive")
    predict_reduced(model, structure, mesh, tmp_path / "reduced.h5", FAST, coarse_bohr=3.0)
    np.testing.assert_array_equal(arrays(tmp_path / "reduced.h5")["coarse"], reduced["coarse"])
    assert not state.exists()
