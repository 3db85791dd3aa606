"""How many ranks one writer keeps busy: rank 0 hands out atoms, takes in blocks and writes them.

mpirun --oversubscribe -n 16 python benchmarks/ranks.py [seconds a block]

Ranks sleep instead of computing, as long as a block takes on a core of their own, so a machine of
few cores can tell; all else is real: 1,000,188 atoms, three fields, messages, a file of 3.5 GB.
Prints the share of the ranks' time that they would have computed for.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rhocast.grid import Mesh, Neighbourhood
from rhocast.inference import PredictionOptions, evaluation_spacing, prediction
from rhocast.inference.predictor import BlockPredictor
from rhocast.parallel import find_communicator
from rhocast.speed import Subject

ATOMS = 1_000_000


class Sleeper(BlockPredictor):
    """Sleeps, and answers with numbers that cost nothing."""

    seconds = 0.4
    first_call = 0.0

    def __call__(self, block: int, atoms: Neighbourhood | None) -> np.ndarray:
        """See `BlockPredictor`."""
        assert atoms is not None
        Sleeper.first_call = Sleeper.first_call or time.perf_counter()
        time.sleep(self.seconds)
        return np.full((len(self._task.fields), *self._blocks.shape(block)), 1e-3, np.float32)


def main() -> None:
    """Print a line."""
    comm = find_communicator()
    if comm is None:
        sys.exit("start it on several ranks: mpirun -n 16 python benchmarks/ranks.py")
    Sleeper.seconds = float(sys.argv[1]) if len(sys.argv) > 1 else Sleeper.seconds
    prediction.BlockPredictor = Sleeper
    subject = Subject.load()
    with tempfile.TemporaryDirectory() as folder:
        structure = mesh = None
        if comm.rank == 0:
            structure = subject.crystal(ATOMS)
            mesh = Mesh.with_spacing(structure.cell, evaluation_spacing(subject.model))
        prediction.predict_shard(
            subject.model,
            structure,
            mesh,
            Path(folder, "shard.h5"),
            PredictionOptions(uncertainty="fast"),
            comm=comm,
        )
    if comm.rank == 0:
        assert mesh is not None
        taken = time.perf_counter() - Sleeper.first_call
        blocks = len(prediction.Request(subject.model, structure, mesh).blocks)
        share = blocks * Sleeper.seconds / (comm.size * taken)
        sys.stdout.write(
            f"{comm.size} ranks, {Sleeper.seconds} s a block: {100 * share:.0f} % computing\n"
        )


if __name__ == "__main__":
    main()
