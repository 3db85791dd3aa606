"""A device answers as the libraries do; here the processor is the device."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerated_models import CELLS, FIELDS, SCALE, crystal, expected, images, make_model
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rhocast import config
from rhocast.accelerator import Evaluator, evaluates
from rhocast.errors import ModelError
from rhocast.grid import Mesh
from rhocast.structures import Structure

CPU = torch.device("cpu")

#: Largest difference in units of the spread of what the network predicts: float32.
TOLERANCE = 1e-4

BOX = (slice(1, 19), slice(0, 9), slice(3, 16))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("species", [("Si", "Ge"), ("Ge",)])
@pytest.mark.parametrize("baseline", ["none", "spheres", "multipoles"])
def test_fields_are_those_of_the_libraries(cell, species, baseline):
    """Also in boxes that the bricks do not fill."""
    model = make_model(species, baseline != "none", baseline == "multipoles")
    structure = crystal(CELLS[cell], species)
    mesh = Mesh((19, 9, 17), structure.cell)
    values = expected(model, structure, mesh, BOX)
    found = Evaluator(model, mesh, CPU, spread=True).bind_atoms(*images(structure))(BOX, FIELDS)
    assert found.shape == values.shape
    assert found.dtype == np.float32
    assert (np.ptp(values, axis=(1, 2, 3)) > 0.1 * SCALE).all()
    np.testing.assert_allclose(found, values, rtol=0.0, atol=TOLERANCE * SCALE)


def test_multipoles_matter():
    structure = crystal(CELLS["triclinic"])
    mesh = Mesh((9, 9, 9), structure.cell)
    box = (slice(0, 9),) * 3
    one, other = (
        Evaluator(make_model(multipoles=m), mesh, CPU).bind_atoms(*images(structure))(box)
        for m in (True, False)
    )
    assert np.abs(one - other).max() > SCALE


def test_an_atom_that_only_surrounds_others_needs_no_multipoles():
    """Those of the atoms that points see are worked out from all."""
    model = make_model()
    structure = crystal(CELLS["orthogonal"])
    mesh = Mesh((19, 9, 17), structure.cell)
    box = (slice(0, 3), slice(0, 3), slice(0, 3))
    positions, numbers = images(structure)
    middle = mesh.offsets(box).mean(axis=0)
    seen = np.linalg.norm(positions - middle, axis=1) < 8.0 + 2.0
    assert not seen.all()
    evaluator = Evaluator(model, mesh, CPU)
    found = evaluator.bind_atoms(positions, numbers, seen)(box)
    np.testing.assert_array_equal(found, evaluator.bind_atoms(positions, numbers)(box))


@pytest.mark.parametrize("numbers", [[32], [14]])
def test_vacuum_and_a_species_that_is_not_there(numbers):
    """Points out of reach of all atoms are among those of the box, also bricks full of them."""
    model = make_model()
    structure = Structure(np.full((1, 3), 4.0), np.diag([8.0, 8.0, 60.0]), np.array(numbers))
    mesh = Mesh((12, 13, 90), structure.cell)
    box = (slice(0, 12), slice(0, 13), slice(0, 50))
    found = Evaluator(model, mesh, CPU, spread=True).bind_atoms(*images(structure))(box, FIELDS)
    np.testing.assert_allclose(
        found, expected(model, structure, mesh, box), rtol=0.0, atol=TOLERANCE * SCALE
    )
    assert np.ptp(found[0, :, :, -6:]) == 0.0


def test_no_atoms_at_all():
    model = make_model()
    mesh = Mesh((8, 8, 8), CELLS["orthogonal"])
    evaluator = Evaluator(model, mesh, CPU, spread=True)
    none = evaluator.bind_atoms(np.zeros((0, 3)), np.zeros(0, dtype=int))
    found = none((slice(0, 5),) * 3, FIELDS)
    assert np.isfinite(found).all()
    assert (np.ptp(found, axis=(1, 2, 3)) == 0.0).all()


class Memory(TorchDispatchMode):
    """Counts the bytes of tensors that are alive, and the most there ever were."""

    def __init__(self):
        super().__init__()
        self.alive, self.most = {}, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.alive:
                    self.alive[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self.alive.pop, storage._cdata, None)
        self.most = max(self.most, sum(self.alive.values()))
        return result


def test_memory_is_bounded():
    """Less of it, more parts, the same values."""
    model = make_model()
    structure = crystal(CELLS["triclinic"])
    mesh = Mesh((32, 32, 32), structure.cell)
    box = (slice(0, 16),) * 3
    little, plenty = (Evaluator(model, mesh, CPU, budget=b) for b in (2**23, 2**28))
    bound = little.bind_atoms(*images(structure))
    with Memory() as memory:
        values = bound(box)
    assert 0.1 * little.budget < memory.most < little.budget
    expected = plenty.bind_atoms(*images(structure))(box)
    np.testing.assert_allclose(values, expected, rtol=0.0, atol=TOLERANCE * SCALE)


def test_bfloat16_stays_within_its_digits():
    structure = crystal(CELLS["triclinic"])
    mesh = Mesh((19, 9, 17), structure.cell)
    model = make_model()
    exact, rounded = (
        Evaluator(model, mesh, CPU, rounded=r).bind_atoms(*images(structure))(BOX)
        for r in (False, True)
    )
    assert 0.0 < np.abs(rounded - exact).max() < 0.08 * SCALE


def test_nothing_relies_on_the_default_device():
    """On a GPU, a tensor that is made without naming a device is on the wrong one."""
    model = make_model()
    structure = crystal(CELLS["triclinic"])
    mesh = Mesh((9, 9, 9), structure.cell)
    box = (slice(0, 9),) * 3
    values = []
    for elsewhere in ("meta", None):
        torch.set_default_device(elsewhere)
        try:
            evaluator = Evaluator(model, mesh, CPU, spread=True)
            values.append(evaluator.bind_atoms(*images(structure))(box, FIELDS))
        finally:
            torch.set_default_device(None)
    np.testing.assert_array_equal(*values)


def test_the_model_stays_where_it_is():
    model = make_model()
    before = model.hash
    Evaluator(model, Mesh((9, 9, 9), CELLS["orthogonal"]), torch.device("meta"), budget=1)
    assert model.device == CPU
    assert model.hash == before


def test_other_descriptors_are_refused():
    other = config.SortedDescriptor(cutoff_bohr=7.0, distances=6, angle_atoms=2, angle_neighbours=3)
    sorted_one = replace(make_model(), descriptor=other)
    assert not evaluates(sorted_one)
    with pytest.raises(ModelError, match=r"device: .* expected the smooth one"):
        Evaluator(sorted_one, Mesh((9, 9, 9), CELLS["orthogonal"]), CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("rounded", [False, True])
def test_a_gpu_answers_as_the_processor_does(cell, rounded):
    model = make_model()
    structure = crystal(CELLS[cell])
    mesh = Mesh((19, 9, 17), structure.cell)
    evaluator = Evaluator(model, mesh, torch.device("cuda"), spread=True, rounded=rounded)
    found = evaluator.bind_atoms(*images(structure))(BOX, FIELDS)
    atol = (0.08 if rounded else 10 * TOLERANCE) * SCALE
    values = expected(model, structure, mesh, BOX)
    np.testing.assert_allclose(found, values, rtol=0.01 if rounded else 0.0, atol=atol)
