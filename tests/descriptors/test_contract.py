"""What every descriptor, and the baseline, promises."""

from dataclasses import replace

import numpy as np
import pytest
from distorted_cells import TRICLINIC, binary, perfect, rotation

from rhocast import config, descriptors
from rhocast.descriptors import MultipoleBasis, PseudoAtoms
from rhocast.errors import ModelError
from rhocast.grid import Blocks, Mesh
from rhocast.structures import Structure

SPECIES = ("Si", "Ge")
CUTOFF_BOHR = 9.0


def sorted_form(species=SPECIES):
    sizes = {"distances": 12, "angle_atoms": 4, "angle_neighbours": 3}
    return descriptors.make(config.SortedDescriptor(cutoff_bohr=CUTOFF_BOHR, **sizes), species)


def smooth_form(species=SPECIES):
    sizes = {"kind": "smooth", "radial_functions": 4, "shortest_bohr": 3.0}
    return descriptors.make(config.SmoothDescriptor(cutoff_bohr=CUTOFF_BOHR, **sizes), species)


def baseline(species=SPECIES):
    parameters = config.Baseline(cutoff_bohr=CUTOFF_BOHR, intervals=9)
    tables = np.zeros((len(species), 12))
    tables[:, 1:9] = np.random.default_rng(0).normal(size=(len(species), 8))
    tables[:, 0] = tables[:, 2]
    return PseudoAtoms(parameters, species, tables)


def with_multipoles(species=SPECIES):
    """The baseline whose pseudo-atoms are deformed by those around them."""
    sizes = {"radial_functions": 3, "shortest_bohr": 4.0, "angular": 3}
    multipoles = config.Multipoles(cutoff_bohr=CUTOFF_BOHR, **sizes)
    shape = MultipoleBasis(multipoles, species).shape
    spheres = baseline(species)
    return PseudoAtoms(
        spheres.parameters.model_copy(update={"multipoles": multipoles}),
        species,
        spheres.tables,
        0.1 * np.random.default_rng(1).normal(size=shape),
    )


def with_products(species=SPECIES):
    """The same, with products of sums over the atoms around them."""
    deformed = with_multipoles(species)
    multipoles = deformed.parameters.multipoles.model_copy(
        update={"products": config.Products(radial_functions=2, angular=3)}
    )
    shape = MultipoleBasis(multipoles, species).product_shape
    return replace(
        deformed,
        parameters=deformed.parameters.model_copy(update={"multipoles": multipoles}),
        products=0.1 * np.random.default_rng(2).normal(size=shape),
    )


@pytest.mark.parametrize(
    "form", [sorted_form, smooth_form, baseline, with_multipoles, with_products]
)
class TestContract:
    @pytest.mark.parametrize("crystal", ["thermal", "perfect"])
    @pytest.mark.parametrize("change", ["rotate", "reflect", "translate", "permute", "supercell"])
    def test_invariance(self, form, crystal, change):
        structure = binary() if crystal == "thermal" else perfect("Si")
        points = Mesh((5, 4, 6), structure.cell).points(np.arange(120))
        other, moved = structure, points
        if change in ("rotate", "reflect"):
            turn = rotation() * (-1.0 if change == "reflect" else 1.0)
            other = Structure(structure.positions @ turn, structure.cell @ turn, structure.numbers)
            moved = points @ turn
        elif change == "translate":
            shift = np.array([0.31, -0.17, 0.23])
            other = Structure(structure.positions + shift, structure.cell, structure.numbers)
            scaled = np.linalg.solve(structure.cell.T, (points + shift).T).T
            moved = scaled % 1.0 @ structure.cell
        elif change == "permute":
            order = np.random.default_rng(2).permutation(len(structure))
            other = Structure(structure.positions[order], structure.cell, structure.numbers[order])
        else:
            other = Structure.from_ase(structure.to_ase().repeat((2, 1, 2)))
        expected = form().bind(structure)(points)
        assert np.std(expected, axis=0).max() > 0.01
        np.testing.assert_allclose(form().bind(other)(moved), expected, rtol=2e-6, atol=5e-6)

    def test_an_atom_leaves_without_a_step(self, form):
        structure, point = binary(np.diag([60.0, 60.0, 60.0]), atoms=1), np.full((1, 3), 30.0)
        around = point + 4.0 * rotation()
        values = []
        for distance in CUTOFF_BOHR + np.array([-1e-6, 1e-6]):
            leaving = point + distance * rotation(seed=6)[:1]
            positions = np.vstack([around, point - around + point, leaving])
            structure = Structure(positions, structure.cell, np.full(7, 14))
            values.append(form().bind(structure)(point))
        np.testing.assert_allclose(values[0], values[1], atol=2e-5)

    def test_blocks_agree_with_single_points(self, form):
        structure = binary(atoms=10)
        mesh = Mesh((9, 7, 8), structure.cell)
        bound = form().bind(structure)
        blocks = Blocks(mesh.shape, (4, 4, 4))
        for block in (0, 7, len(blocks) - 1):
            points = mesh.points(blocks.indices(block))
            singly = np.concatenate([bound(point[None]) for point in points])
            np.testing.assert_allclose(bound(points), singly, rtol=2e-6, atol=2e-6)

    def test_a_point_is_the_same_in_a_box_as_in_the_cell(self, form):
        structure = binary(atoms=10)
        lower, upper = np.array([0.25, 0.5, 0.0]), np.array([0.5, 0.75, 0.25])
        points = (lower + np.random.default_rng(3).random((50, 3)) * (upper - lower)) @ TRICLINIC
        boxed = form().bind(structure, lower, upper)
        expected = form().bind(structure)(points)
        np.testing.assert_allclose(boxed(points), expected, rtol=2e-6, atol=2e-6)
        with pytest.raises(ValueError, match="outside the box"):
            boxed(np.array([[0.1, 0.1, 0.1]]))

    def test_values_are_finite_on_the_nuclei_and_far_away(self, form):
        structure = binary(np.diag([40.0, 40.0, 40.0]))
        assert np.isfinite(form().bind(structure)(structure.fractional @ structure.cell)).all()
        lonely = Structure(np.zeros((1, 3)), structure.cell, [14])
        assert np.isfinite(form().bind(lonely)(np.full((1, 3), 20.0))).all()

    def test_no_points_give_no_values(self, form):
        one, none = (form().bind(binary())(np.zeros((n, 3))) for n in (1, 0))
        assert none.shape == (0, *one.shape[1:])
        assert none.dtype == one.dtype

    def test_every_species_counts(self, form):
        structure, point = binary(), np.ones((1, 3))
        swapped = Structure(structure.positions, structure.cell, 46 - structure.numbers)
        first, second = (form().bind(s)(point) for s in (structure, swapped))
        assert np.abs(first - second).max() > 1e-3
        named = form(("Ge", "Si")).bind(swapped)(point)
        if form is not smooth_form:  # blocks, or tables, follow the order of the names
            np.testing.assert_allclose(named, first, rtol=2e-6, atol=2e-6)

    def test_an_unknown_element_is_named(self, form):
        with pytest.raises(ModelError, match="holds Ge, the model knows Si"):
            form(("Si",)).bind(binary())
