"""A field that is not kept leaves the same reductions as one that is."""

import h5py
import numpy as np
import pytest
from small_model import SHAPE, make_model, make_smooth_model, make_structure

from rhocast.density import open_density
from rhocast.density.reduction import reduce_density, write_reduction
from rhocast.errors import ModelError
from rhocast.grid import Mesh
from rhocast.inference import (
    PredictionOptions,
    predict_file,
    predict_on_mesh,
    predict_reduced,
    reduce,
)
from rhocast.inference.predictor import BlockPredictor
from rhocast.properties import divide_among_atoms

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
    predict_reduced(model, structure, mesh, path, FAST, coarse_bohr=3.0, charges=True)
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


def test_charges_are_those_of_the_stored_field(model, structure, mesh, reduced, tmp_path):
    predict_file(model, structure, mesh, tmp_path / "field.h5", FAST)
    with open_density(tmp_path / "field.h5") as field:
        expected = divide_among_atoms(field, model.baseline, model.metadata["valence"])
    np.testing.assert_allclose(reduced["charge_e"], expected.charges, atol=1e-5)
    assert np.ptp(reduced["charge_e"]) > 0.1
    # Of this model's density 60 % are missing, and a field's σ is at least that times the density.
    assert (reduced["std_electrons"] > 0.0).all()
    assert (reduced["std_electrons"] < expected.std).all()


def test_error_bars_are_those_of_the_field(model, structure, mesh, reduced):
    field = predict_on_mesh(model, structure, mesh, FAST)
    expected = divide_among_atoms(field, model.baseline, model.metadata["valence"]).std
    scale = structure.count_electrons(model.metadata["valence"]) / field.electron_count
    np.testing.assert_allclose(reduced["std_electrons"], scale * expected, rtol=1e-5)


def test_nothing_of_atoms_without_charges(model, structure, mesh, tmp_path):
    path = tmp_path / "reduced.h5"
    options = PredictionOptions(uncertainty="none")
    predict_reduced(model, structure, mesh, path, options, coarse_bohr=3.0)
    assert "charge_e" not in arrays(path)
    predict_reduced(model, structure, mesh, path, options, coarse_bohr=3.0, charges=True)
    found = arrays(path)
    assert "std_electrons" not in found
    assert found["charge_e"].sum() == pytest.approx(0.0, abs=1e-5)


def test_a_model_without_pseudo_atoms_has_no_charges(structure, mesh, tmp_path):
    path = tmp_path / "reduced.h5"
    with pytest.raises(ModelError, match="expected a model with pseudo-atoms"):
        predict_reduced(make_model(), structure, mesh, path, coarse_bohr=3.0, charges=True)


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
        predict_reduced(model, structure, mesh, path, FAST, coarse_bohr=3.0, charges=True)
    assert not path.exists()
    first = len(computed)
    predict_reduced(model, structure, mesh, path, FAST, coarse_bohr=3.0, charges=True)
    assert len(computed) < first + 18
    for name, values in arrays(path).items():
        np.testing.assert_allclose(values, reduced[name], rtol=1e-12)


def test_another_prediction_begins_anew(model, structure, mesh, reduced, tmp_path):
    state = tmp_path / "reduced.h5.state"
    state.write_bytes(b"another prediction")
    predict_reduced(
        model, structure, mesh, tmp_path / "reduced.h5", FAST, coarse_bohr=3.0, charges=True
    )
    np.testing.assert_array_equal(arrays(tmp_path / "reduced.h5")["coarse"], reduced["coarse"])
    assert not state.exists()
