"""What a prediction is said to take, against what it takes."""

import threading

import numpy as np
import pytest
import torch
from small_model import SHAPE, make_smooth_model, make_structure

from rhocast.density.reduction import COPIES, Reduction
from rhocast.evaluation import compiled as kernels
from rhocast.grid import Mesh
from rhocast.inference import (
    PredictionOptions,
    Request,
    cost,
    estimate,
    predict_reduced,
    predict_shard,
    reduce,
)
from rhocast.inference.atomic_charges import Division
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.reduction_state import ReductionState
from rhocast.structures import Structure


@pytest.fixture
def request_(model, structure):
    return Request(
        model,
        structure,
        Mesh(SHAPE, structure.cell),
        PredictionOptions(uncertainty="sampled", samples=2),
    )


def test_points_blocks_and_bytes(request_, tmp_path):
    whole = estimate(request_)
    assert (whole.points, whole.blocks, whole.empty_share) == (np.prod(SHAPE), 18, 0.0)
    assert whole.file_bytes == (4 + 2 + 2) * whole.points
    assert 1e8 < whole.bytes_per_rank <= whole.bytes_first_rank < 2e9
    shards = [estimate(request_, shard=k, n_shards=2) for k in range(2)]
    assert sum(shard.points for shard in shards) == whole.points
    assert sum(shard.blocks for shard in shards) == whole.blocks


def test_a_field_that_is_not_kept_takes_no_disk(tmp_path):
    model, structure = make_smooth_model(), make_structure()
    mesh = Mesh(SHAPE, structure.cell)
    options = PredictionOptions(uncertainty="fast", asked_spacing_bohr=0.1)
    request = Request(model, structure, mesh, options)
    assert request.refines
    found = [
        estimate(request, coarse_bohr=3.0, charges=charges, n_ranks=2) for charges in (False, True)
    ]
    assert [one.file_mesh for one in found] == [SHAPE, SHAPE]
    assert [one.interpolation_seconds for one in found] == [0.0, 0.0]
    assert found[1].file_bytes - found[0].file_bytes == 8 * len(structure)
    assert found[1].bytes_first_rank - found[0].bytes_first_rank == 8 * len(structure)
    kept = estimate(request, n_ranks=2)
    assert found[1].bytes_per_rank == kept.bytes_per_rank
    held = Reduction.empty(mesh, 3.0, len(structure))
    others = held.n_bytes - held.arrays["atoms"].nbytes
    assert found[1].bytes_first_rank - kept.bytes_first_rank == pytest.approx(
        COPIES * others + held.arrays["atoms"].nbytes, rel=1e-3
    )
    path = tmp_path / "reduced.h5"
    predict_reduced(model, structure, mesh, path, options, coarse_bohr=3.0, charges=True)
    assert path.stat().st_size == pytest.approx(found[1].file_bytes, rel=0.1)


@pytest.mark.parametrize("between", [1, 2, 4])
def test_what_is_stored_from_time_to_time_is_as_large_as_said(between, tmp_path, monkeypatch):
    model = make_smooth_model()
    structure = make_structure(np.diag([240.0, 9.0, 9.0]), n_atoms=100)
    request = Request(model, structure, Mesh((500, 16, 16), structure.cell))  # 8 blocks
    sizes = []

    def remove(self):
        sizes.append(self._path.stat().st_size)

    monkeypatch.setattr(reduce, "BLOCKS_BETWEEN_SAVES", between)
    monkeypatch.setattr(reduce, "SAVES", 10_000)
    monkeypatch.setattr(ReductionState, "remove", remove)
    for charges in (False, True):
        path = tmp_path / f"{charges}.h5"
        arguments = {"coarse_bohr": 3.0, "charges": charges}
        predict_reduced(model, structure, request.mesh, path, **arguments)
        sizes.append(estimate(request, **arguments).temporary_bytes)
    of_atoms, said = sizes[2] - sizes[0], sizes[3] - sizes[1]
    assert 0.4 * said < of_atoms < 1.3 * said
    monkeypatch.setattr(reduce, "BLOCKS_BETWEEN_SAVES", 9)
    assert estimate(request, **arguments).temporary_bytes == 0


def test_charges_take_time(monkeypatch):
    model, structure = make_smooth_model(), make_structure()
    request = Request(model, structure, Mesh(SHAPE, structure.cell))
    now = 0.0

    def steady(self, block, _atoms):
        nonlocal now
        now += 1e-6 * np.prod(self._blocks.shape(block))
        return np.ones((1, *self._blocks.shape(block)), dtype=np.float32)

    divide = Division.__call__

    def as_long(self, values, *arguments):
        nonlocal now
        now += 1e-6 * values[0].size
        return divide(self, values, *arguments)

    monkeypatch.setattr(BlockPredictor, "__call__", steady)
    monkeypatch.setattr(Division, "__call__", as_long)
    monkeypatch.setattr(cost, "perf_counter", lambda: now)
    alone = estimate(request, n_ranks=2, coarse_bohr=3.0).seconds
    assert estimate(request, n_ranks=2, coarse_bohr=3.0, charges=True).seconds == pytest.approx(
        2.0 * alone
    )


def test_time_is_that_of_the_prediction(request_, tmp_path, monkeypatch):
    """By a clock that only the points move: machines are busy with other things too."""
    compute = BlockPredictor.__call__
    now = 0.0

    def steady(self, block, atoms):
        nonlocal now
        now += 4e-6 * np.prod(self._blocks.shape(block))
        return compute(self, block, atoms)

    monkeypatch.setattr(BlockPredictor, "__call__", steady)
    monkeypatch.setattr(cost, "perf_counter", lambda: now)
    found = estimate(request_)
    start = now
    predict_shard(
        request_.model,
        request_.structure,
        request_.mesh,
        tmp_path / "shard.h5",
        PredictionOptions(uncertainty="sampled", samples=2),
    )
    assert found.seconds == pytest.approx(now - start)
    assert estimate(request_, n_ranks=4).seconds == pytest.approx(found.seconds / 4)


@pytest.mark.skipif(not kernels.available(), reason="the compiled kernels were not built")
def test_threads_that_hold_each_other_up_are_not_counted_twice(structure, monkeypatch):
    """As threads of a busy machine do."""
    busy, now = threading.Lock(), 0.0

    def serial(self, block, _atoms):
        nonlocal now
        with busy:
            now += 1e-6 * np.prod(self._blocks.shape(block))
        return np.zeros((1, *self._blocks.shape(block)))

    monkeypatch.setattr(BlockPredictor, "__call__", serial)
    monkeypatch.setattr(cost, "perf_counter", lambda: now)
    request = Request(make_smooth_model(), structure, Mesh((64, 64, 96), structure.cell))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        found = estimate(request)
    finally:
        torch.set_num_threads(before)
    assert found.seconds == pytest.approx(1e-6 * found.points)


def test_interpolation_takes_time_too(model, structure):
    mesh = Mesh((20, 20, 20), structure.cell)
    found = estimate(Request(model, structure, mesh, PredictionOptions(asked_spacing_bohr=0.1)))
    assert 0.0 < found.interpolation_seconds < found.seconds
    assert found.file_mesh == Mesh.with_spacing(structure.cell, 0.1).shape


def test_empty_blocks_cost_nothing(model):
    lonely = Structure(np.full((1, 3), 40.0), 80.0 * np.eye(3), np.array([13]))
    found = estimate(Request(model, lonely, Mesh((256, 256, 256), lonely.cell)))
    assert found.empty_share > 0.5
    assert found.seconds == pytest.approx(
        found.points * (1 - found.empty_share) / found.points_per_second
    )
