"""The GPU's kernels answer as the libraries do; the processor runs them, and a GPU where one is."""

from dataclasses import replace

import numpy as np
import pytest
from gpu_models import CELLS, FIELDS, SCALE, crystal, expected, images, make_model

from rhocast import config
from rhocast.errors import ModelError
from rhocast.evaluation.gpu import Evaluator, bound, evaluates, evaluator, open_device
from rhocast.grid import Mesh
from rhocast.structures import Structure

#: Largest difference in units of the spread of what the network predicts: float32, and products of
#: the network to 2⁻¹⁵.
TOLERANCE = 2e-4

BOX = (slice(1, 19), slice(0, 9), slice(3, 16))


def _device(name):
    try:
        return open_device(name)
    except ModelError:
        return None


GPU = pytest.mark.skipif(_device("cuda") is None, reason="CuPy finds no GPU")


@pytest.fixture(params=["emulated", pytest.param("cuda", marks=GPU)])
def device(request):
    return open_device(request.param)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("species", [("Si", "Ge"), ("Ge",)])
@pytest.mark.parametrize("baseline", ["none", "spheres", "multipoles"])
def test_fields_are_those_of_the_libraries(cell, species, baseline, device):
    """Also in boxes that the bricks do not fill."""
    model = make_model(species, baseline != "none", baseline == "multipoles")
    structure = crystal(CELLS[cell], species)
    mesh = Mesh((19, 9, 17), structure.cell)
    values = expected(model, structure, mesh, BOX)
    found = Evaluator(model, mesh, device, spread=True).bind_atoms(*images(structure))(BOX, FIELDS)
    assert found.shape == values.shape
    assert found.dtype == np.float32
    assert (np.ptp(values, axis=(1, 2, 3)) > 0.1 * SCALE).all()
    np.testing.assert_allclose(found, values, rtol=0.0, atol=TOLERANCE * SCALE)


def test_multipoles_matter(device):
    structure = crystal(CELLS["triclinic"])
    mesh = Mesh((9, 9, 9), structure.cell)
    box = (slice(0, 9),) * 3
    one, other = (
        Evaluator(make_model(multipoles=m), mesh, device).bind_atoms(*images(structure))(box)
        for m in (True, False)
    )
    assert np.abs(one - other).max() > SCALE


def test_an_atom_that_only_surrounds_others_needs_no_multipoles(device):
    """Those of the atoms that points see are worked out from all."""
    model = make_model()
    structure = crystal(CELLS["orthogonal"])
    mesh = Mesh((19, 9, 17), structure.cell)
    box = (slice(0, 3), slice(0, 3), slice(0, 3))
    positions, numbers = images(structure)
    middle = mesh.offsets(box).mean(axis=0)
    seen = np.linalg.norm(positions - middle, axis=1) < 8.0 + 2.0
    assert not seen.all()
    evaluator = Evaluator(model, mesh, device)
    found = evaluator.bind_atoms(positions, numbers, seen)(box)
    np.testing.assert_array_equal(found, evaluator.bind_atoms(positions, numbers)(box))


@pytest.mark.parametrize("numbers", [[32], [14]])
def test_vacuum_and_a_species_that_is_not_there(numbers, device):
    """Points out of reach of all atoms are among those of the box, also bricks full of them."""
    model = make_model()
    structure = Structure(np.full((1, 3), 4.0), np.diag([8.0, 8.0, 60.0]), np.array(numbers))
    mesh = Mesh((12, 13, 90), structure.cell)
    box = (slice(0, 12), slice(0, 13), slice(0, 50))
    found = Evaluator(model, mesh, device, spread=True).bind_atoms(*images(structure))(box, FIELDS)
    np.testing.assert_allclose(
        found, expected(model, structure, mesh, box), rtol=0.0, atol=TOLERANCE * SCALE
    )
    assert np.ptp(found[0, :, :, -6:]) == 0.0


def test_no_atoms_at_all(device):
    model = make_model()
    mesh = Mesh((8, 8, 8), CELLS["orthogonal"])
    evaluator = Evaluator(model, mesh, device, spread=True)
    none = evaluator.bind_atoms(np.zeros((0, 3)), np.zeros(0, dtype=int))
    found = none((slice(0, 5),) * 3, FIELDS)
    assert np.isfinite(found).all()
    assert (np.ptp(found, axis=(1, 2, 3)) == 0.0).all()


def test_points_are_computed_in_parts(device, monkeypatch):
    """Where the sums of all do not fit, bricks by turns; and radial functions where too many."""
    structure = crystal(CELLS["triclinic"])
    mesh = Mesh((19, 9, 17), structure.cell)
    whole = Evaluator(make_model(), mesh, device).bind_atoms(*images(structure))(BOX)
    monkeypatch.setattr(bound, "SUMS_BYTES", 500_000)
    monkeypatch.setattr(evaluator, "_REGISTERS", 80)
    parts = Evaluator(make_model(), mesh, device).bind_atoms(*images(structure))(BOX)
    np.testing.assert_allclose(parts, whole, rtol=0.0, atol=TOLERANCE * SCALE)


@pytest.mark.parametrize(("width", "layers"), [(14, 1), (16, 3), (72, 2)])
def test_networks_of_any_shape(width, layers, device):
    """Also with widths that are no whole vectors."""
    model = make_model(("Ge",), width=width, layers=layers)
    structure = crystal(CELLS["triclinic"], ("Ge",))
    mesh = Mesh((19, 9, 17), structure.cell)
    found = Evaluator(model, mesh, device, spread=True).bind_atoms(*images(structure))(BOX, FIELDS)
    values = expected(model, structure, mesh, BOX)
    np.testing.assert_allclose(found, values, rtol=0.0, atol=TOLERANCE * SCALE)


def test_what_is_no_number_stays_none(device):
    """Also the one that GPUs make, which rounding to bfloat16 would turn into zero."""
    model = make_model(("Ge",))
    model.network.layers[0].bias[:1] = np.uint32([0x7FFFFFFF]).view("f4")
    structure = crystal(CELLS["orthogonal"], ("Ge",))
    mesh = Mesh((9, 9, 9), structure.cell)
    found = Evaluator(model, mesh, device).bind_atoms(*images(structure))((slice(0, 4),) * 3)
    assert np.isnan(found).all()


def test_other_descriptors_are_refused(device):
    other = config.SortedDescriptor(cutoff_bohr=7.0, distances=6, angle_atoms=2, angle_neighbours=3)
    sorted_one = replace(make_model(), descriptor=other)
    assert not evaluates(sorted_one)
    with pytest.raises(ModelError, match=r"device: .* expected the smooth one"):
        Evaluator(sorted_one, Mesh((9, 9, 9), CELLS["orthogonal"]), device)


def test_a_spread_that_was_not_prepared_is_refused(device):
    mesh = Mesh((9, 9, 9), CELLS["orthogonal"])
    bound_one = Evaluator(make_model(), mesh, device).bind_atoms(*images(crystal(mesh.cell)))
    with pytest.raises(ModelError, match="made without `spread`"):
        bound_one((slice(0, 4),) * 3, FIELDS)
