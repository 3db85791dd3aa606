"""The GPU's kernels, for models of any shape; the processor runs them, and a GPU where one is."""

from dataclasses import replace

import numpy as np
import pytest
from kernel_models import FIELDS, SCALE, TRICLINIC, around, binary, expected, germanium, make_model

from rhocast import config
from rhocast.errors import ModelError
from rhocast.evaluation.gpu import GpuEvaluator, bound, evaluates, loaded, open_device
from rhocast.grid import Mesh

#: Largest difference in units of the spread of what the network predicts: float32, and products of
#: the network to 2⁻¹⁵.
TOLERANCE = 2e-4

MESH = Mesh((19, 9, 17), TRICLINIC)
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


def fields(model, structure, device, names=("density",)):
    """Compute fields in the box."""
    return GpuEvaluator(model, MESH, names, device).bind(around(structure, model))(BOX)


def test_multipoles_matter(device):
    one, other = (
        fields(make_model(multipoles=m), binary(TRICLINIC), device) for m in ((3, 3), None)
    )
    assert np.abs(one - other).max() > 0.1 * SCALE


def test_points_are_computed_in_parts(device, monkeypatch):
    """Where the sums of all do not fit, bricks by turns; and radial functions where too many."""
    whole = fields(make_model(), binary(TRICLINIC), device)
    monkeypatch.setattr(bound, "SUMS_BYTES", 500_000)
    monkeypatch.setattr(loaded, "_REGISTERS", 80)
    parts = fields(make_model(), binary(TRICLINIC), device)
    np.testing.assert_allclose(parts, whole, rtol=0.0, atol=TOLERANCE * SCALE)


@pytest.mark.parametrize(("width", "layers"), [(14, 1), (16, 3), (72, 2)])
def test_networks_of_any_shape(width, layers, device):
    """Also with widths that are no whole vectors."""
    model = make_model(("Ge",), width=width, layers=layers)
    structure = germanium(TRICLINIC)
    found = fields(model, structure, device, FIELDS)
    values = expected(model, structure, MESH, BOX)
    np.testing.assert_allclose(found, values, rtol=0.0, atol=3 * TOLERANCE * SCALE)


def test_other_descriptors_are_refused(device):
    other = config.SortedDescriptor(cutoff_bohr=7.0, distances=6, angle_atoms=2, angle_neighbours=3)
    sorted_one = replace(make_model(), descriptor=other)
    assert not evaluates(sorted_one)
    with pytest.raises(ModelError, match=r"descriptor .* expected the smooth one"):
        GpuEvaluator(sorted_one, MESH, FIELDS, device)
