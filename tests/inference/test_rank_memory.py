"""The estimate of memory against what a process has held."""

import sys
from pathlib import Path

import numpy as np
import pytest

from rhocast.evaluation import compiled as kernels
from rhocast.inference.rank_memory import BYTES_PER_SORTED_ATOM, BYTES_PER_STORED_ATOM, rank_bytes

#: Predicts a shard of a small cell; writes the estimate and the largest resident size, bytes. That
#: is not `ru_maxrss`, in which a process also finds what its parent held when it was forked.
SCRIPT = """
import re
import sys
from pathlib import Path
import numpy as np
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, Request, predict_shard
from rhocast.inference.limits import bytes_per_rank
from rhocast.model import DensityModel
from rhocast.structures import Structure

cell = 7.65 * np.eye(3)
places = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])
atoms = Structure(7.65 / 2 * places, cell, np.full(4, 13))
model, mesh = DensityModel.load("al"), Mesh((10, 10, 10), cell)
request = Request(model, atoms, mesh, PredictionOptions(uncertainty="fast"))
predict_shard(model, atoms, mesh, sys.argv[1], request.options)
peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())
print(bytes_per_rank(request), 1024 * int(peak[1]))
"""


@pytest.mark.parametrize(
    "isa",
    [
        pytest.param(
            "best", marks=pytest.mark.skipif(not kernels.isas(), reason="kernels were not built")
        ),
        "none",
    ],
)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak")
def test_a_run_takes_what_is_estimated_within_a_factor_of_two(isa, run, tmp_path):
    """With the kernels and without: two runs whose peaks lie that far apart themselves."""
    name = kernels.isas()[0] if isa == "best" else isa
    done = run(sys.executable, "-c", SCRIPT, tmp_path / "shard.h5", RHOCAST_ISA=name)
    assert done.returncode == 0, done.stderr
    estimated, found = (int(word) for word in done.stdout.split())
    assert 0.5 < estimated / found < 2.0


def test_a_rank_holds_blocks_and_the_first_one_the_atoms():
    cell = 500.0 * np.eye(3)
    sizes = (cell, (1250, 1250, 1250), 10**6, 3, 27.0)
    other, first = (rank_bytes(*sizes, compiled=True, first=first) for first in (False, True))
    assert first - other == BYTES_PER_STORED_ATOM * 10**6 + BYTES_PER_SORTED_ATOM * 200_000
    twice = (cell, (2500, 1250, 1250), 2 * 10**6, 3, 27.0)
    larger = rank_bytes(*twice, compiled=True, first=False)
    assert larger < 1.5 * other  # blocks do not grow with the field
    assert rank_bytes(*sizes, compiled=True, threads=4) > first
    assert rank_bytes(*sizes, compiled=False) > first
