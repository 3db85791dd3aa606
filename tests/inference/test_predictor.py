"""Fields by the compiled kernels: those of the libraries, in any division of the work."""

from dataclasses import replace

import numpy as np
import pytest
from ase.data import atomic_numbers
from small_model import SHAPE, as_stored, make_smooth_model, make_structure

from rhocast.density import read_density
from rhocast.errors import ParallelError
from rhocast.evaluation import compiled as kernels
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, Request, merge, predict_on_mesh, predict_shard
from rhocast.inference.request import Task
from rhocast.model import DensityModel
from rhocast.model.shipped import FOLDER
from rhocast.structures import Structure, lattices

if not kernels.isas():
    pytest.skip("the compiled kernels were not built", allow_module_level=True)

NAMES = ("density", "epistemic_std", "aleatoric_std")


@pytest.fixture
def model():
    return make_smooth_model(multipoles=True)


@pytest.fixture
def slab():
    """Four atoms in a plane, 50 Bohr from the next."""
    positions = np.array([[0, 0, 25], [4, 4, 25.5], [4, 0, 24], [0, 4, 26]], dtype=float)
    return Structure(positions, np.diag([8.0, 8.0, 50.0]), np.array([13, 14, 13, 14]))


def by_libraries(monkeypatch, *arguments):
    with monkeypatch.context() as patch:
        patch.setenv(kernels.VARIABLE, "none")
        field = predict_on_mesh(*arguments)
    assert "kernels" not in {key for key, value in field.record.items() if value is not None}
    return field


@pytest.mark.parametrize("isa", kernels.isas())
@pytest.mark.parametrize("kind", ["crystal", "slab"])
def test_fields_are_those_of_the_libraries(kind, isa, model, slab, monkeypatch):
    structure = slab if kind == "slab" else make_structure()
    mesh = Mesh((12, 10, 75) if kind == "slab" else (19, 9, 17), structure.cell)
    expected = by_libraries(
        monkeypatch, model, structure, mesh, PredictionOptions(uncertainty="fast")
    )
    monkeypatch.setenv(kernels.VARIABLE, isa)
    found = predict_on_mesh(model, structure, mesh, PredictionOptions(uncertainty="fast"))
    assert found.record["kernels"] == isa
    scale = float(model.normalisation.target_std)
    tolerance = 0.08 if "bf16" in isa else 1e-3  # of the spread of what the network predicts
    for name in NAMES:
        values = getattr(expected, name)
        assert np.ptp(values) > 0.1 * scale
        difference = getattr(found, name) - values
        assert np.abs(difference).max() < tolerance * max(scale, values.max())
    if kind == "slab":
        far = np.abs(np.arange(75) / 1.5 - 25.0) > 10.0
        assert (found.density[..., far] == 0.0).all()
        assert np.ptp(found.epistemic_std[..., far]) == 0.0


@pytest.mark.parametrize("n_shards", [1, 3])
def test_shards_and_threads_give_the_same_bits(n_shards, model, tmp_path, monkeypatch):
    structure = make_structure()
    mesh = Mesh(SHAPE, structure.cell)
    monkeypatch.setattr(Task, "threads", 1)
    whole = predict_on_mesh(model, structure, mesh, PredictionOptions(uncertainty="fast"))
    monkeypatch.setattr(Task, "threads", 3)
    paths = [tmp_path / f"shard-{k}.h5" for k in range(n_shards)]
    for k, path in enumerate(paths):
        predict_shard(
            model,
            structure,
            mesh,
            path,
            PredictionOptions(uncertainty="fast"),
            shard=k,
            n_shards=n_shards,
        )
    merge(paths, tmp_path / "density.h5", scale_to_electrons=False)
    merged = read_density(tmp_path / "density.h5")
    for name in NAMES:
        np.testing.assert_array_equal(getattr(merged, name), as_stored(whole, name))


def test_weights_are_drawn_without_the_kernels(model):
    structure = make_structure()
    request = Request(
        model,
        structure,
        Mesh((6, 5, 7), structure.cell),
        PredictionOptions(uncertainty="sampled", samples=2),
    )
    assert request.task.kernels is None
    assert request.record.kernels is None


def test_ranks_without_the_instruction_set_are_refused(model):
    structure = make_structure()
    task = Request(model, structure, Mesh((6, 5, 7), structure.cell)).task
    task.check_model(model)
    with pytest.raises(ParallelError, match=f"no avx10, which rank 0.*set {kernels.VARIABLE}"):
        replace(task, kernels="avx10").check_model(model)


def shipped():
    models = {path.stem: DensityModel.load(path) for path in sorted(FOLDER.glob("*.safetensors"))}
    return [name for name, model in models.items() if kernels.evaluates(model)]


def thermal(model):
    """Return a crystal of the volume that the model was trained on, its atoms displaced."""
    cell = lattices.cubic_cell("fcc" if len(model.species) == 1 else "diamond", 1.0, "Al")
    volume = np.mean(model.metadata["training"]["volume_per_atom_bohr3"])
    constant = (volume * len(cell)) ** (1 / 3)
    positions = constant * cell.positions
    positions += 0.2 * np.random.default_rng(0).normal(size=positions.shape)
    symbols = np.resize(model.species, len(cell))
    numbers = np.array([atomic_numbers[symbol] for symbol in symbols])
    return Structure(positions, constant * np.eye(3), numbers)


@pytest.mark.skipif(not shipped(), reason="no shipped model has a smooth descriptor")
@pytest.mark.parametrize("name", shipped())
def test_bfloat16_misplaces_few_electrons(name, monkeypatch):
    model = DensityModel.load(name)
    structure = thermal(model)
    mesh = Mesh((20, 20, 20), structure.cell)
    exact = by_libraries(monkeypatch, model, structure, mesh)
    found = predict_on_mesh(model, structure, mesh)
    assert np.abs(found.density - exact.density).sum() < 1e-4 * exact.density.sum()
