"""The compiled kernels against the NumPy and torch forms of the same model."""

from dataclasses import replace

import numpy as np
import pytest
from kernel_models import CELLS, ORTHOGONAL, TRICLINIC, around, binary, germanium, make_model
from rounded_network import OTHER_PLACES, PLACES, rounded_network

from rhocast import config
from rhocast.errors import ConfigError, ModelError
from rhocast.evaluation import compiled as kernels
from rhocast.evaluation.compiled import CompiledEvaluator
from rhocast.grid import Blocks, Mesh
from rhocast.structures import Structure

if not kernels.isas():
    pytest.skip("the compiled kernels were not built", allow_module_level=True)

#: Largest error of a normalised feature.
FEATURE_TOLERANCE = 1e-4
#: Largest error of the normalised mean against the form that rounds nothing. bfloat16 keeps 8 bits;
#: `test_rounding_to_bfloat16_is_where_it_should_be` is the sharp test of these.
TOLERANCES = {
    "amx_bf16": 0.08,
    "avx512_bf16": 0.08,
    "avx512": 1e-3,
    "avx2": 1e-3,
    "generic": 1e-3,
}

MESH_SHAPE = (13, 9, 11)
WHOLE = (slice(0, 13), slice(0, 9), slice(0, 11))
SMALL_MESH = Mesh((6, 7, 5), TRICLINIC)
SMALL = (slice(0, 6), slice(0, 7), slice(0, 5))


@pytest.fixture(params=TOLERANCES)
def isa(request):
    if request.param not in kernels.isas():
        pytest.skip(f"no {request.param} on this processor")
    return request.param


@pytest.fixture(params=CELLS)
def structure(request):
    return binary(CELLS[request.param])


def all_points(mesh):
    return mesh.points(np.arange(mesh.n_points))


def assert_same(model, structure, mesh, isa, box=WHOLE):
    """Compare features, baseline, mean and noise with the reference on a box of the mesh."""
    places = np.arange(mesh.n_points).reshape(mesh.shape)[box].ravel()
    points = mesh.points(places)
    reference = model.bind(structure)
    fields = ("density", "aleatoric_std", "baseline")
    bound = CompiledEvaluator(model, mesh, fields, isa).bind(around(structure, model))

    expected = model.normalisation.features(reference.descriptor(points))
    found = bound.features(box).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=FEATURE_TOLERANCE, rtol=1e-4)

    mean, noise, baseline = bound(box).reshape(3, -1)
    if model.baseline is not None:
        np.testing.assert_allclose(baseline, reference.baseline(points), atol=1e-7)
    expected = reference(points)
    scale = float(model.normalisation.target_std)
    assert np.ptp(expected.mean) > 0.3 * scale
    np.testing.assert_allclose(mean, expected.mean, atol=TOLERANCES[isa] * scale)
    np.testing.assert_allclose(noise, expected.aleatoric_std, atol=TOLERANCES[isa] * scale)


@pytest.mark.parametrize("multipoles", [None, (4, 4)])
def test_agrees_with_reference(multipoles, isa, structure):
    model = make_model(multipoles=multipoles)
    assert_same(model, structure, Mesh(MESH_SHAPE, structure.cell), isa)


def test_first_layer_and_head_are_not_rounded(isa, monkeypatch):
    """With bfloat16 too: only GELU's polynomial is then shorter."""
    model = make_model(width=40)
    for layer in model.network.layers[1:-1]:
        layer.weight[...] = 0.0
        layer.bias[...] = 0.0
    monkeypatch.setitem(TOLERANCES, isa, 2e-3)
    assert_same(model, binary(TRICLINIC), SMALL_MESH, isa, SMALL)


def network_part(model, structure, isa):
    """Density less the baseline, noise and spread, with the features that they were made of."""
    mesh = Mesh(MESH_SHAPE, structure.cell)
    fields = ("density", "aleatoric_std", "epistemic_std", "baseline")
    bound = CompiledEvaluator(model, mesh, fields, isa).bind(around(structure, model))
    density, noise, spread, baseline = bound(WHOLE).reshape(4, -1).astype(float)
    features = bound.features(WHOLE).reshape(-1, model.n_features)
    return features, (density - baseline, noise, spread)


def errors(found, expected):
    """Root mean square, largest and mean error, in units of root mean square and largest value."""
    difference, rms = found - expected, np.sqrt(np.mean(expected**2))
    largest = np.abs(difference).max() / np.abs(expected).max()
    return np.sqrt(np.mean(difference**2)) / rms, largest, abs(difference.mean()) / rms


@pytest.mark.parametrize(
    "shape",
    [{}, {"width": 40}, {"width": 64, "layers": 3, "blocks": 1}, {"width": 30, "layers": 1}],
)
def test_rounding_to_bfloat16_is_where_it_should_be(isa, shape):
    """Against a network in NumPy that rounds at the same places, and not against others.

    A sum in another order may round an activation to the other side, at few points.
    """
    if "bf16" not in isa:
        pytest.skip(f"{isa} rounds nothing to bfloat16")
    model = replace(make_model(**shape), calibrations={}, fading_density=0.0)
    form = model.last_layer.factor
    features, found = network_part(model, binary(TRICLINIC), isa)
    split = isa == "amx_bf16"
    for value, expected in zip(
        found, rounded_network(model, features, form, split=split), strict=True
    ):
        rms, largest, mean = errors(value, expected)
        assert rms < 1e-4
        assert largest < 1e-3
        assert mean < 1e-5
    for place in sorted(PLACES | OTHER_PLACES):
        elsewhere = rounded_network(model, features, form, PLACES ^ {place}, split)
        assert errors(found[0], elsewhere[0])[0] > 2e-4, place


@pytest.mark.parametrize(
    "shape",
    [
        {"species": ("Ge",), "angular": 0, "radial": 3, "width": 17},
        {"angular": 2, "radial": 2, "intervals": 0, "width": 33},
        {"angular": 3, "radial": 4, "width": 30, "layers": 1, "blocks": 3},
        {"angular": 8, "radial": 3},
        {"radial": 8, "width": 64, "layers": 3, "blocks": 1, "intervals": 40},
        {"species": ("Ge",), "radial": 2, "angular": 0, "multipoles": (6, 6)},
        {"radial": 2, "angular": 1, "multipoles": (2, 1)},
        {"radial": 2, "angular": 1, "multipoles": (3, 2)},
        {"radial": 2, "angular": 1, "multipoles": (2, 8)},
        {"radial": 2, "angular": 1, "multipoles": (3, 4), "atoms_per_bohr3": 0.01},
        {"species": ("Ge",), "radial": 2, "multipoles": (4, 6), "atoms_per_bohr3": 0.02},
        {"radial": 2, "angular": 1, "multipoles": (16, 3)},
        {"radial": 2, "angular": 1, "multipoles": (5, 6), "products": (3, 3)},
        {"species": ("Ge",), "radial": 2, "multipoles": (3, 8), "products": (1, 8)},
    ],
)
def test_agrees_for_models_of_any_shape(isa, shape):
    structure = germanium(TRICLINIC) if "species" in shape else binary(TRICLINIC)
    assert_same(make_model(**shape), structure, SMALL_MESH, isa, SMALL)


def test_agrees_far_from_every_atom(isa):
    """A molecule in a box: a density of nothing but what the network makes of no atoms."""
    cell = np.diag([40.0, 40.0, 44.0])
    structure = Structure(np.array([[1.0, 2.0, 3.0], [4.0, 2.0, 1.0]]), cell, np.array([14, 32]))
    mesh = Mesh((10, 10, 11), cell)
    box = (slice(0, 10), slice(0, 9), slice(0, 11))
    model = make_model(multipoles=(3, 5))
    assert_same(model, structure, mesh, isa, box)
    values = CompiledEvaluator(model, mesh, name=isa).bind(around(structure, model))(box)
    middle = values[0, 4:6, 4:6, 4:6]
    assert np.all(middle == middle[0, 0, 0])


@pytest.mark.parametrize("intervals", [15, 16, 17, 32, 56])
def test_agrees_for_splines_of_any_length(isa, intervals):
    structure = binary(ORTHOGONAL)
    model = make_model(radial=2, angular=1, intervals=intervals)
    assert_same(model, structure, Mesh((30, 31, 36), structure.cell), isa, SMALL)


def test_agrees_where_the_third_axis_alone_is_upright(isa):
    cell = np.array([[11.0, 1.0, 2.0], [-3.0, 12.0, 1.5], [0.0, 0.0, 13.0]])
    structure = binary(cell)
    assert_same(make_model(multipoles=(3, 5)), structure, Mesh((18, 20, 22), cell), isa, SMALL)


@pytest.mark.parametrize("multipoles", [None, (4, 6)])
def test_block_does_not_depend_on_what_lies_around_it(multipoles, isa):
    """Bit for bit: bound to its own surroundings or to the cell, alone or in a larger box."""
    structure = binary(ORTHOGONAL, atoms=12)
    mesh = Mesh((40, 18, 33), structure.cell)
    blocks = Blocks(mesh.shape)
    model = make_model(multipoles=multipoles)
    evaluator = CompiledEvaluator(model, mesh, name=isa)
    whole = evaluator.bind(around(structure, model))
    everything = whole(tuple(slice(0, n) for n in mesh.shape))[0]
    for block in range(len(blocks)):
        part = blocks.box(block)
        lower = np.array([side.start for side in part]) / mesh.shape
        upper = np.array([side.stop - 1 for side in part]) / mesh.shape
        alone = evaluator.bind(around(structure, model, lower, upper))(part)[0]
        np.testing.assert_array_equal(alone, whole(part)[0])
        np.testing.assert_array_equal(alone, everything[part])


def test_spread_is_the_quadratic_form(isa):
    model = replace(make_model(), calibrations={})
    structure = binary(TRICLINIC)
    form = model.last_layer.factor
    features = model.bind(structure).descriptor(all_points(SMALL_MESH))
    hidden = model.network.hidden(model.normalisation.features(features))
    expected = np.linalg.norm(hidden @ form[:, :-1].T + form[:, -1], axis=1)
    expected *= float(model.normalisation.target_std)
    evaluator = CompiledEvaluator(model, SMALL_MESH, ("epistemic_std",), isa)
    found = evaluator.bind(around(structure, model))(SMALL).ravel()
    np.testing.assert_allclose(found, expected, rtol=0.05 if "bf16" in isa else 1e-3)


def test_rounding_of_small_numbers_stays_as_it_was(isa):
    """No process-wide mode: what is below 1e-38 is not flushed to zero."""
    model = make_model()
    bound = CompiledEvaluator(model, SMALL_MESH, name=isa).bind(around(binary(TRICLINIC), model))
    bound(SMALL)
    assert np.float32(1e-39) * np.float32(0.5) > 0.0


def test_other_descriptors_are_refused():
    model = make_model()
    sorted_kind = config.SortedDescriptor(
        cutoff_bohr=7.0, distances=6, angle_atoms=2, angle_neighbours=3
    )
    other = type(model)(**vars(model) | {"descriptor": sorted_kind})
    assert kernels.evaluates(model)
    assert kernels.evaluates(make_model(multipoles=(16, 1)))
    assert not kernels.evaluates(make_model(multipoles=(17, 1)))
    assert not kernels.evaluates(other)
    with pytest.raises(ModelError, match="expected the smooth one"):
        CompiledEvaluator(other, SMALL_MESH)


def test_environment_chooses(monkeypatch):
    monkeypatch.setenv("RHOCAST_ISA", "generic")
    assert CompiledEvaluator(make_model(), SMALL_MESH).isa == "generic"
    assert (
        CompiledEvaluator(make_model(), SMALL_MESH, name=kernels.isas()[0]).isa == kernels.isas()[0]
    )
    monkeypatch.setenv("RHOCAST_ISA", "none")
    assert not kernels.available()
    monkeypatch.setenv("RHOCAST_ISA", "mmx")
    with pytest.raises(ConfigError, match="no mmx kernels"):
        CompiledEvaluator(make_model(), SMALL_MESH)


def test_peaks_are_measured(isa):
    fp32, bf16 = kernels.measure_peaks(isa, seconds=0.01)
    assert fp32 > 0.1
    assert (bf16 > 0.0) == ("bf16" in isa)
