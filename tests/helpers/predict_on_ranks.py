"""Predicts a shard of the small test cell, or reduces it; started by mpirun, with faults."""

import argparse
import logging
import os
import sys
import time
from pathlib import Path

from small_model import SHAPE, make_model, make_smooth_model, make_structure

from rhocast.errors import RhocastError
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, predict_reduced, predict_shard, shard_writer
from rhocast.inference.predictor import BlockPredictor
from rhocast.parallel import find_communicator, rank_of

log = logging.getLogger("predict_on_ranks")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("--expected-ranks", type=int)
    parser.add_argument("--unfit-on-rank", type=int, help="gives it a model of other elements")
    parser.add_argument("--fail-on-rank", type=int, help="raises in the middle of the work")
    parser.add_argument("--kernels", action="store_true", help="takes the model of the kernels")
    parser.add_argument("--reduce", action="store_true", help="keeps no field, but charges")
    parser.add_argument("--device", help="computes there")
    parser.add_argument("--slow", action="store_true", help="takes its time, journals every block")
    options = parser.parse_args()
    shard, n_shards = map(int, options.shard.split("/"))
    try:
        comm = find_communicator(options.expected_ranks)
        _install_faults(options, rank_of(comm))
        unfit = options.unfit_on_rank == rank_of(comm)
        structure = make_structure()
        model = make_smooth_model(multipoles=True) if options.kernels else make_model()
        arguments = (
            make_model(species=("Ge",)) if unfit else model,
            structure,
            Mesh(SHAPE, structure.cell),
            options.path,
            PredictionOptions(
                uncertainty="fast" if options.kernels else "sampled",
                samples=2,
                device=options.device,
            ),
        )
        if options.reduce:
            predict_reduced(*arguments, coarse_bohr=3.0, charges=True, comm=comm)
        else:
            predict_shard(*arguments, shard=shard, n_shards=n_shards, comm=comm)
    except RhocastError as error:
        log.error("%s", error)
        return error.exit_code
    return 0


def _install_faults(options: argparse.Namespace, rank: int) -> None:
    compute = BlockPredictor.__call__
    computed = []

    def faulty(self, block, atoms):
        computed.append(block)
        if options.fail_on_rank == rank and len(computed) == 2:
            raise RuntimeError("the fault that was asked for")
        if options.slow:
            time.sleep(0.1 if len(computed) < 4 else 1.0)  # time to be killed in
        return compute(self, block, atoms)

    BlockPredictor.__call__ = faulty
    if options.slow:
        shard_writer.SECONDS_BETWEEN_COMMITS = 0.0
        options.path.with_suffix(f".pid{rank}").write_text(str(os.getpid()), encoding="ascii")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    sys.exit(main())
