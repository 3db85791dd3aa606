"""What all comparisons share: the cell, Rhocast's own figure from the same run, the ratio.

Both sides are timed in CPU time, on one thread, with weights that are random or not: they cost the
same. What is made once for a structure counts on neither side.
"""

import json
import sys
import time
from collections.abc import Callable

import torch

from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, Request
from rhocast.speed import Subject
from rhocast.speed.throughput import processor, time_blocks
from rhocast.structures import Structure

#: Thermal fcc aluminium: large enough for every peer's cutoff.
N_ATOMS = 108

#: Resolves the valence density of aluminium.
MESH_SPACING_BOHR = 0.6

#: Time spent on Rhocast, before the peer and after it, seconds.
SECONDS = 2.0

#: Computes something at all points that it stands for, once.
Action = Callable[[], object]


def compare(peer: str, prepare: Callable[[Structure, Mesh], tuple[int, Action]]) -> None:
    """Print points per core second of a peer, of Rhocast, and how many times faster it is.

    Parameters
    ----------
    peer
        What is timed.
    prepare
        Makes, from structure and mesh, the number of mesh points and what computes them.
    """
    torch.set_num_threads(1)
    subject = Subject.load()
    structure = subject.crystal(N_ATOMS)
    mesh = Mesh.with_spacing(structure.cell, MESH_SPACING_BOHR)
    request = Request(subject.model, structure, mesh, PredictionOptions(where=subject.label))
    points, action = prepare(structure, mesh)
    action()
    before = time_blocks(request, SECONDS)
    start = time.process_time()
    action()
    seconds = time.process_time() - start
    after = time_blocks(request, SECONDS)
    own = 0.5 * (before["points_per_core_second"] + after["points_per_core_second"])
    figures = {
        "processor": processor(),
        "atoms": len(structure),
        "mesh_spacing_bohr": round(float(mesh.spacing.max()), 3),
        "peer": peer,
        "peer_points_per_core_second": points / seconds,
        "rhocast_model": subject.label,
        "rhocast_points_per_core_second": own,
        "times_faster": own * seconds / points,
    }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
