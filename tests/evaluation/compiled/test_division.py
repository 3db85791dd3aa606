"""Values divided among the atoms by the compiled kernels: as defined, and as in NumPy."""

import numpy as np
import pytest
from ase.data import chemical_symbols
from kernel_models import CELLS, ORTHOGONAL, around, binary, make_model

from rhocast.density.spheres import Spheres
from rhocast.evaluation import compiled as kernels
from rhocast.grid import BinnedAtoms, Mesh
from rhocast.inference.atomic_charges import Division
from rhocast.structures import Structure

if not kernels.isas():
    pytest.skip("the compiled kernels were not built", allow_module_level=True)

#: Meshes whose groups of points span the intervals of one vector, of two, and more.
SHAPES = [(19, 9, 17), (6, 5, 6), (3, 2, 4)]


@pytest.fixture(params=kernels.isas())
def isa(request):
    return request.param


@pytest.fixture(scope="module")
def division():
    model = make_model()
    return Division.by(model.baseline, model.species)


def as_defined(division, values, atoms, mesh):
    """Eq. 40, one atom after the other."""
    box = tuple(slice(0, n) for n in values.shape[1:])
    points = atoms.corner + mesh.offsets(box)
    free = [
        division.pseudo_atoms.spherical(
            chemical_symbols[number], np.linalg.norm(points - position, axis=1)
        )
        for position, number in zip(atoms.structure.positions, atoms.structure.numbers, strict=True)
    ]
    free = np.maximum(free, 0.0)
    total = free.sum(axis=0)
    shares = np.divide(free, total, out=np.zeros_like(free), where=total > 0.0)
    return values.reshape(len(values), -1) @ shares.T


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", CELLS)
def test_shares_are_as_defined(division, cell, shape, isa):
    structure = binary(CELLS[cell])
    atoms, mesh = around(structure, make_model()), Mesh(shape, structure.cell)
    values = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    found = division(values, atoms, mesh, isa)
    expected = as_defined(division, values, atoms, mesh)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6 * expected.max())
    numpy = Spheres.around(atoms, mesh, shape, division.free).divide(values)
    np.testing.assert_allclose(found, numpy, rtol=1e-3, atol=1e-4 * expected.max())


def test_a_block_gets_what_the_cell_gives_it(division, isa):
    structure = binary(ORTHOGONAL)
    mesh = Mesh((24, 20, 22), structure.cell)
    values = np.random.default_rng(1).random((1, *mesh.shape)).astype(np.float32)
    binned, sums = BinnedAtoms.of(structure), np.zeros(len(structure))
    for x in (slice(0, 13), slice(13, 24)):
        lower, upper = np.array([x.start, 0, 0]), np.array([x.stop, 20, 22]) - 1
        atoms = binned.around(lower / mesh.shape, upper / mesh.shape, division.reach_bohr)
        np.add.at(sums, atoms.origins, division(values[:, x], atoms, mesh, isa)[0])
    whole = around(structure, make_model())
    expected = np.zeros(len(structure))
    np.add.at(expected, whole.origins, as_defined(division, values, whole, mesh)[0])
    np.testing.assert_allclose(sums, expected, rtol=1e-5)


def test_what_no_atom_reaches_belongs_to_none(division, isa):
    cell = 60.0 * np.eye(3)
    lonely = Structure(np.full((1, 3), 30.0), cell, np.array([14]))
    mesh = Mesh((20, 20, 20), cell)
    atoms = BinnedAtoms.of(lonely).around(np.zeros(3), np.full(3, 0.95), division.reach_bohr)
    values = np.ones((1, 20, 20, 20))
    found = division(values, atoms, mesh, isa)
    assert 1.0 < found[0, 0] < 200.0
    np.testing.assert_allclose(found, as_defined(division, values, atoms, mesh))
