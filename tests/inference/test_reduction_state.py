"""What an interrupted reduction has stored: little, and whole whatever tears it."""

import numpy as np
import pytest

from rhocast.density.reduction import Reduction, Shares
from rhocast.grid import Mesh
from rhocast.inference.reduction_state import BYTES_PER_ATOM, ReductionState

MESH = Mesh((500, 16, 16), np.diag([320.0, 10.0, 10.0]))
PER_BLOCK = 1000


@pytest.fixture
def empty():
    blocks = len(Reduction.empty(MESH, 5.0).blocks)
    return lambda: Reduction.empty(MESH, 5.0, PER_BLOCK * (blocks + 1))


def stored(path, reduction):
    """Reduce blocks of random numbers, each with its atoms and those of the next; store each."""
    random = np.random.default_rng(0)
    state, sizes, known = ReductionState(path, "hash", reduction), [], []
    for block in reduction.pending:
        fields = random.random((2, *reduction.blocks.shape(block))).astype(np.float32)
        atoms = np.arange(PER_BLOCK * block, PER_BLOCK * (block + 2), dtype=np.int32)
        shares = Shares(atoms, random.random((2, len(atoms))))
        reduction.add(block, 0.1 * fields[0], 0.1 * fields[1], shares)
        state.touch(atoms)
        state.save()
        sizes.append(path.stat().st_size)
        known.append({name: array.copy() for name, array in reduction.arrays.items()})
    return sizes, known


def test_each_atom_is_written_when_it_changes_and_not_else(empty, tmp_path):
    reduction = empty()
    sizes, _ = stored(tmp_path / "state", reduction)
    n_atoms = reduction.arrays["atoms"].shape[1]
    assert len(sizes) == 8
    assert sizes[-1] < 2.2 * BYTES_PER_ATOM * n_atoms + 8 * reduction.arrays["std_counts"].nbytes
    assert np.diff(sizes).max() < 1.2 * np.diff(sizes).min()


def test_a_torn_end_is_left_out(empty, tmp_path):
    path = tmp_path / "state"
    sizes, known = stored(path, empty())
    whole, random = path.read_bytes(), np.random.default_rng(1)
    for size in [*sizes, *random.integers(sizes[0], sizes[-1], 20)]:
        path.write_bytes(whole[:size])
        resumed = empty()
        ReductionState(path, "hash", resumed)
        last = np.searchsorted(sizes, size, side="right") - 1
        assert path.stat().st_size == sizes[last]
        for name, expected in known[last].items():
            np.testing.assert_array_equal(resumed.arrays[name], expected)


def test_damage_costs_what_lies_behind_it(empty, tmp_path, caplog):
    path = tmp_path / "state"
    sizes, known = stored(path, empty())
    data = bytearray(path.read_bytes())
    data[(sizes[3] + sizes[4]) // 2] ^= 4
    path.write_bytes(data)
    resumed = empty()
    ReductionState(path, "hash", resumed)
    assert "torn or damaged" in caplog.text
    np.testing.assert_array_equal(resumed.arrays["atoms"], known[3]["atoms"])
    assert np.count_nonzero(resumed.arrays["finished"]) == 4


@pytest.mark.parametrize("other", ["request", "atoms"])
def test_another_prediction_begins_anew(other, empty, tmp_path):
    path = tmp_path / "state"
    stored(path, empty())
    resumed = Reduction.empty(MESH, 5.0, 7) if other == "atoms" else empty()
    ReductionState(path, "other" if other == "request" else "hash", resumed)
    assert not path.exists()
    assert not resumed.arrays["finished"].any()
