"""What every back end keeps, whatever it computes with: `rhocast.evaluation.Evaluator`."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from kernel_models import (
    CELLS,
    FIELDS,
    SCALE,
    TRICLINIC,
    around,
    binary,
    expected,
    germanium,
    make_model,
)

from rhocast.errors import ModelError
from rhocast.evaluation import compiled as kernels
from rhocast.evaluation.compiled import CompiledEvaluator
from rhocast.evaluation.gpu import GpuEvaluator, open_device
from rhocast.evaluation.reference import ReferenceEvaluator
from rhocast.grid import BinnedAtoms, Mesh
from rhocast.structures import Structure

#: Largest difference from the model's own answer at points, in units of `SCALE`. bfloat16 keeps
#: 8 bits; the GPU's products of the network are right to 2⁻¹⁵.
TOLERANCES = {
    "reference": 1e-6,
    **{isa: 0.08 if "bf16" in isa else 1e-3 for isa in kernels.isas()},
    "emulated": 2e-4,
    "cuda": 2e-4,
}

SHAPE = (19, 9, 17)
BOX = (slice(1, 19), slice(0, 9), slice(3, 16))
SMALL = (slice(0, 4), slice(1, 4), slice(0, 5))

MODELS = {
    "no-baseline": {"intervals": 0},
    "spheres": {},
    "multipoles": {"multipoles": (4, 4)},
    "dense": {"multipoles": (3, 2), "atoms_per_bohr3": 0.01},
    "products": {"multipoles": (5, 4), "atoms_per_bohr3": 0.01, "products": (3, 2)},
    "one-species": {"species": ("Ge",), "multipoles": (3, 3)},
}


@pytest.fixture(params=TOLERANCES)
def back_end(request):
    """Name of the back end; a GPU's is skipped where CuPy finds none."""
    if request.param == "cuda":
        try:
            open_device("cuda")
        except ModelError as error:
            pytest.skip(str(error))
    return request.param


def evaluator(back_end, model, mesh, fields=FIELDS):
    if back_end == "reference":
        return ReferenceEvaluator(model, mesh, fields)
    if back_end in kernels.isas():
        return CompiledEvaluator(model, mesh, fields, back_end)
    return GpuEvaluator(model, mesh, fields, open_device(back_end))


class TestEveryBackEnd:
    """The reference, the kernels of each instruction set, and the GPU's, emulated or not."""

    def assert_right(self, back_end, model, structure, mesh, box=BOX):
        """Compare all fields with those of the model at the points of a box; return them."""
        values = expected(model, structure, mesh, box)
        found = evaluator(back_end, model, mesh).bind(around(structure, model))(box)
        assert found.shape == values.shape
        assert found.dtype == np.float32
        # Standard deviations are larger than the spread of the density by their factors.
        tolerance = TOLERANCES[back_end] * np.array([1.0, 2.5, 1.3])[:, None, None, None]
        assert (np.abs(found - values) <= tolerance * SCALE).all()
        return found

    @pytest.mark.parametrize(
        ("shape", "cell"),
        [*((shape, "triclinic") for shape in MODELS)]
        + [("multipoles", cell) for cell in CELLS if cell != "triclinic"],
    )
    def test_fields_are_those_of_the_model(self, back_end, shape, cell):
        model = make_model(**MODELS[shape])
        structure = (germanium if shape == "one-species" else binary)(CELLS[cell])
        found = self.assert_right(back_end, model, structure, Mesh(SHAPE, structure.cell))
        assert (np.ptp(found, axis=(1, 2, 3)) > 0.05 * SCALE).all()

    def test_atoms_of_a_block_are_enough(self, back_end):
        """Cut out of a large cell as predictions do; indices then count from the block's corner."""
        model = make_model(multipoles=(3, 3))
        structure = binary(np.diag([40.0, 38.0, 42.0]), atoms=300)
        mesh = Mesh((80, 76, 84), structure.cell)
        start, shape = np.array([50, 70, 3]), (6, 5, 9)
        corners = start / mesh.shape, (start + shape - np.ones(3)) / mesh.shape
        atoms = BinnedAtoms.of(structure).around(*corners, model.reach_bohr)
        found = evaluator(back_end, model, mesh).bind(atoms)(tuple(slice(0, n) for n in shape))
        box = tuple(slice(a, a + n) for a, n in zip(start.tolist(), shape, strict=True))
        values = expected(model, structure, mesh, box)
        assert np.abs(found[0] - values[0]).max() <= TOLERANCES[back_end] * SCALE

    def test_a_part_is_that_of_the_whole(self, back_end):
        """Whatever box is asked for, and whatever part of the cell the atoms were taken for."""
        model = make_model(multipoles=(3, 3))
        structure = binary(TRICLINIC)
        mesh = Mesh(SHAPE, structure.cell)
        made = evaluator(back_end, model, mesh)
        whole = made.bind(around(structure, model))
        part = whole(BOX)[:, 3:9, 2:5, 4:12]
        box = (slice(4, 10), slice(2, 5), slice(7, 15))
        lower, upper = ([getattr(s, end) for s in box] for end in ("start", "stop"))
        near = around(structure, model, lower / np.array(SHAPE), upper / np.array(SHAPE))
        # sums in another order may round the last digit of bfloat16 to the other side
        atol = (5e-3 if "bf16" in back_end else 1e-3) * SCALE
        for found in (whole(box), made.bind(near)(box)):
            np.testing.assert_allclose(found, part, rtol=0.0, atol=atol)

    def test_the_density_is_the_same_without_the_standard_deviations(self, back_end):
        model = make_model()
        structure = binary(TRICLINIC)
        mesh, atoms = Mesh(SHAPE, structure.cell), around(structure, model)
        alone, among = (
            evaluator(back_end, model, mesh, fields).bind(atoms)(SMALL)
            for fields in (("density",), FIELDS)
        )
        assert len(alone) == 1
        np.testing.assert_allclose(alone[0], among[0], rtol=0.0, atol=1e-6 * SCALE)

    def test_a_cell_smaller_than_the_reach(self, back_end):
        structure = binary(np.diag([4.0, 5.0, 4.5]), atoms=2)
        self.assert_right(
            back_end, make_model(multipoles=(3, 4)), structure, Mesh((6, 7, 5), structure.cell),
            SMALL,
        )  # fmt: skip

    @pytest.mark.parametrize("number", [32, 14])
    def test_vacuum_and_a_species_that_is_not_there(self, back_end, number):
        model = make_model(multipoles=(3, 3))
        structure = Structure(np.full((1, 3), 4.0), np.diag([8.0, 8.0, 60.0]), np.array([number]))
        box = (slice(0, 6), slice(0, 7), slice(0, 50))
        found = self.assert_right(back_end, model, structure, Mesh((6, 7, 90), structure.cell), box)
        assert (np.ptp(found[:, :, :, 27:40], axis=(1, 2, 3)) == 0.0).all()

    def test_threads_share_it(self, back_end):
        model = make_model(multipoles=(3, 3))
        structure = binary(TRICLINIC)
        made = evaluator(back_end, model, Mesh(SHAPE, structure.cell))
        bound = made.bind(around(structure, model))
        alone = bound(SMALL)
        with ThreadPoolExecutor(3) as pool:
            for values in pool.map(lambda _: bound(SMALL), range(6)):
                np.testing.assert_array_equal(values, alone)

    def test_what_is_no_number_stays_none(self, back_end):
        """Also the one that GPUs make, which rounding to bfloat16 would turn into zero."""
        model = make_model()
        model.network.layers[0].bias[:1] = np.uint32([0x7FFFFFFF]).view("f4")
        structure = binary(TRICLINIC)
        made = evaluator(back_end, model, Mesh(SHAPE, structure.cell), ("density",))
        assert np.isnan(made.bind(around(structure, model))(SMALL)).all()

    def test_an_unknown_element_is_refused(self, back_end):
        model = make_model(("Ge",))
        made = evaluator(back_end, model, Mesh(SHAPE, TRICLINIC))
        with pytest.raises(ModelError, match="holds Si"):
            made.bind(around(binary(TRICLINIC), model))

    def test_a_model_without_fast_uncertainty_is_refused(self, back_end):
        older = replace(make_model(), last_layer=None)
        mesh = Mesh(SHAPE, TRICLINIC)
        evaluator(back_end, older, mesh, ("density",))
        with pytest.raises(ModelError, match="holds no `fast` one"):
            evaluator(back_end, older, mesh)

    def test_it_tells_how_much_to_ask_for(self, back_end):
        made = evaluator(back_end, make_model(), Mesh(SHAPE, TRICLINIC))
        assert made.tile in (16, 32, 64)
        assert isinstance(made.whole_blocks, bool)
