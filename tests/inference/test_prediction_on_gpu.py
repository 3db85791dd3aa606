"""Fields by a GPU's kernels: those of the libraries, by every way to ask for them."""

import json

import ase.build
import ase.io
import h5py
import numpy as np
import pytest
from small_model import SHAPE, make_model, make_smooth_model, make_structure

import rhocast
from rhocast.cli.main import main
from rhocast.density import read_density
from rhocast.errors import ConfigError, ModelError
from rhocast.evaluation import compiled as kernels
from rhocast.evaluation.gpu import GpuEvaluator
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, Request, merge, predict_on_mesh, predict_shard
from rhocast.inference.predictor import evaluator_for
from rhocast.structures import Structure

NAMES = ("density", "epistemic_std", "aleatoric_std")

MISSING = "abacus"


@pytest.fixture
def model():
    return make_smooth_model()


@pytest.fixture
def slab():
    """Four atoms in a plane, 50 Bohr from the next."""
    positions = np.array([[0, 0, 25], [4, 4, 25.5], [4, 0, 24], [0, 4, 26]], dtype=float)
    return Structure(positions, np.diag([8.0, 8.0, 50.0]), np.array([13, 14, 13, 14]))


@pytest.mark.parametrize("kind", ["crystal", "slab"])
def test_fields_are_those_of_the_libraries(kind, model, slab, monkeypatch):
    structure = slab if kind == "slab" else make_structure()
    mesh = Mesh((12, 10, 75) if kind == "slab" else SHAPE, structure.cell)
    found = predict_on_mesh(
        model, structure, mesh, PredictionOptions(uncertainty="fast", device="emulated")
    )
    assert (found.record["device"], found.record["kernels"]) == ("emulated", None)
    monkeypatch.setenv(kernels.VARIABLE, "none")
    expected = predict_on_mesh(model, structure, mesh, PredictionOptions(uncertainty="fast"))
    assert expected.record["device"] is None
    scale = float(model.normalisation.target_std)
    for name in NAMES:
        difference = getattr(found, name) - getattr(expected, name)
        assert np.abs(difference).max() < 1e-3 * scale
    if kind == "slab":
        far = np.abs(np.arange(75) / 1.5 - 25.0) > 10.0
        assert (found.density[..., far] == 0.0).all()
        assert np.ptp(found.epistemic_std[..., far]) == 0.0


def test_shards_are_parts_of_one_field(model, tmp_path):
    structure = make_structure()
    mesh = Mesh(SHAPE, structure.cell)
    whole = predict_on_mesh(model, structure, mesh, PredictionOptions(device="emulated"))
    paths = [tmp_path / f"shard-{k}.h5" for k in range(2)]
    for k, path in enumerate(paths):
        predict_shard(
            model, structure, mesh, path, PredictionOptions(device="emulated"), shard=k, n_shards=2
        )
    merge(paths, tmp_path / "density.h5", scale_to_electrons=False)
    np.testing.assert_array_equal(read_density(tmp_path / "density.h5").density, whole.density)
    with h5py.File(tmp_path / "density.h5") as file:
        assert file.attrs["device"] == "emulated"


def test_the_device_is_no_part_of_the_field(model):
    structure = make_structure()
    mesh = Mesh((6, 5, 7), structure.cell)
    one, other = (
        Request(model, structure, mesh, PredictionOptions(device=d)) for d in (None, "emulated")
    )
    assert one.hash == other.hash
    assert isinstance(evaluator_for(model, other.task), GpuEvaluator)
    assert not isinstance(evaluator_for(model, one.task), GpuEvaluator)


def test_what_a_device_cannot_do_is_refused(model):
    structure = make_structure()
    mesh = Mesh((6, 5, 7), structure.cell)
    with pytest.raises(ConfigError, match="device: only models with the `smooth` descriptor"):
        Request(make_model(), structure, mesh, PredictionOptions(device="emulated"))
    with pytest.raises(ConfigError, match="no `sampled` uncertainty"):
        Request(
            model,
            structure,
            mesh,
            PredictionOptions(uncertainty="sampled", samples=2, device="emulated"),
        )
    with pytest.raises(ModelError, match=f"found '{MISSING}'"):
        Request(model, structure, mesh, PredictionOptions(device=MISSING))


@pytest.fixture
def structure_file(tmp_path):
    path = tmp_path / "atoms.xyz"
    ase.io.write(path, ase.build.bulk("Al", "fcc", 4.05, cubic=True))
    return path


def predict(structure_file, *words):
    output = structure_file.with_name("density.h5")
    return main(["predict", "al", str(structure_file), "-o", str(output), *words])


def test_the_command_line_names_a_device(structure_file):
    assert predict(structure_file, "--device", "emulated", "--mesh-spacing-bohr", "0.8") == 0
    field = read_density(structure_file.with_name("density.h5"))
    assert field.record["device"] == "emulated"
    atoms = ase.io.read(structure_file)
    expected = rhocast.load("al").predict(atoms, 0.8, device="cpu")
    assert expected.record["device"] is None
    np.testing.assert_allclose(field.density, expected.density, rtol=5e-3)


def test_the_command_line_refuses_a_device_that_is_not_there(structure_file, capsys):
    assert predict(structure_file, "--device", MISSING) == ModelError.exit_code
    assert f"found '{MISSING}'" in capsys.readouterr().err
    assert not structure_file.with_name("density.h5").exists()


def test_the_benchmark_times_a_device(capsys):
    words = ["--atoms", "32", "--seconds", "0.1", "--json", "--device", "emulated"]
    assert main(["benchmark", "inference", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["device"], found["kernels"]) == ("emulated", None)
    for kind in ("mean", "fast"):
        assert found[kind]["points_per_second"] > 0.0
        assert found[kind]["peak_gflops_fp32"] is None
        assert found[kind]["peak_fraction"] is None
