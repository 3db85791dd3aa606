"""Points per second of the path that `rhocast predict` takes, against the core's peak.

The share of the peak is the time that a perfect core would need, over the CPU time that was used:

    (FLOP_fp32 / peak_fp32 + FLOP_bf16 / peak_bf16) / t_CPU,

useful operations only (`rhocast.speed.operations`): the network's layers but the first and the
last (with AMX but the last) are bfloat16 where the processor can, all else is fp32. Peaks are
multiply-adds that never leave the registers, timed by turns with the blocks, because a core's speed
changes from one second to the next.
"""

import logging
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.errors import ConfigError
from rhocast.evaluation import compiled as kernels
from rhocast.evaluation.gpu import name_of
from rhocast.inference import PredictionOptions, Request
from rhocast.inference.prediction import Item, items
from rhocast.inference.predictor import BlockPredictor
from rhocast.parallel.blas import available_threads
from rhocast.parallel.sharing import lead
from rhocast.speed.operations import Operations
from rhocast.speed.subject import Subject

log = logging.getLogger(__name__)

#: CPU time that each look at the peaks takes, seconds, and blocks between two of them.
_PEAK_SECONDS, _SECONDS_BETWEEN_PEAKS = 0.1, 2.0

#: Blocks of the cell that are timed, at most; then the first comes again.
_BLOCKS = 2000

_UNCERTAINTY = {"mean": "none", "fast": "fast"}


def benchmark_inference(
    subject: Subject,
    n_atoms: int,
    seconds: float = 10.0,
    kinds: Sequence[str] = ("mean", "fast"),
    device: str | None = None,
) -> dict[str, Any]:
    """Time blocks all over one cell.

    Parameters
    ----------
    subject
        The model, and what it is timed on.
    n_atoms
        About so many.
    seconds
        For each kind.
    kinds
        What to compute: ``mean``, the density alone, or ``fast``, with that uncertainty.
    device
        As in `Request`.

    Returns
    -------
    dict
        Machine, model and cell; under the name of each kind the figures of `time_blocks`, None
        for ``fast`` if the model has no such uncertainty.

    Raises
    ------
    ConfigError
        If there are no atoms or no time to spend.
    """
    if n_atoms < 1 or not seconds > 0.0:
        raise ConfigError(
            f"atoms, seconds: expected more than 0 of both, found {n_atoms} and {seconds:g}"
        )
    structure = subject.crystal(n_atoms)
    mesh = subject.mesh(structure)
    figures: dict[str, Any] = {}
    for kind in kinds:
        if kind == "fast" and subject.model.last_layer is None:
            log.warning("%s: holds no `fast` uncertainty to time", subject.label)
            figures[kind] = None
            continue
        request = Request(
            subject.model,
            structure,
            mesh,
            PredictionOptions(uncertainty=_UNCERTAINTY[kind], where=subject.label, device=device),
        )
        figures[kind] = time_blocks(request, seconds)
    compiled = kernels.evaluates(subject.model) and device is None
    if not compiled and device is None:
        log.warning("no compiled kernels for this model here: timed without them, no peak")
    return {
        "processor": processor(),
        "kernels": kernels.isa() if compiled else None,
        "device": device and name_of(device),
        "model": subject.label,
        "atoms": len(structure),
        "mesh_shape": list(mesh.shape),
        "mesh_spacing_bohr": float(mesh.spacing.max()),
        **figures,
    }


def time_blocks(request: Request, seconds: float) -> dict[str, float | int | None]:
    """Compute blocks in random order for a while.

    Returns
    -------
    dict
        ``points_per_second`` by the clock and ``points_per_core_second`` by CPU time of all
        threads; ``threads``; peaks of one core, GFLOP/s (None where they cannot be measured, the
        bf16 one also where there is none); useful FLOP for each point, and how many of the
        network's are bfloat16; ``peak_fraction``; ``peak_rss_bytes`` of the process so far;
        ``seconds_to_first_block``, all preparations counted but those of the request.
    """
    start = time.perf_counter()
    blocks = np.random.default_rng(0).permutation(len(request.blocks))[:_BLOCKS].tolist()
    predict = BlockPredictor(request.model, request.task)
    work = items(request, cycle(blocks))
    predict(*next(work))
    to_first_block = time.perf_counter() - start
    peaks, spent = _Peaks(request.task.kernels), _Spent()

    def compute(item: Item) -> np.ndarray:
        return predict(*item)

    def count(_: Item, values: np.ndarray) -> None:
        spent.points += values[0].size

    while spent.wall_s < seconds:
        peaks.look()
        with spent:
            some = _for_a_while(work, min(seconds, _SECONDS_BETWEEN_PEAKS))
            lead(None, some, compute, count, request.task.threads)
    peaks.look()
    flop = _operations(request)
    return {
        "points_per_second": spent.points / spent.wall_s,
        "points_per_core_second": spent.points / spent.cpu_s,
        "threads": available_threads(),
        "peak_gflops_fp32": peaks.fp32,
        "peak_gflops_bf16": peaks.bf16,
        "flop_per_point_descriptor": flop.descriptor,
        "flop_per_point_network": flop.network,
        "flop_per_point_bf16": flop.rounded if peaks.bf16 else 0.0,
        "peak_fraction": peaks.share(flop, spent.points / spent.cpu_s),
        "peak_rss_bytes": peak_rss_bytes(),
        "seconds_to_first_block": to_first_block,
    }


def _for_a_while(work: Iterator[Item], seconds: float) -> Iterator[Item]:
    end = time.perf_counter() + seconds
    yield next(work)
    while time.perf_counter() < end:
        yield next(work)


@dataclass
class _Spent:
    """What was computed, and the time that it took; a context adds to it."""

    points: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def __enter__(self) -> None:
        self.wall_s -= time.perf_counter()
        self.cpu_s -= time.process_time()

    def __exit__(self, *_: object) -> None:
        self.wall_s += time.perf_counter()
        self.cpu_s += time.process_time()


class _Peaks:
    """What one core does between the blocks, GFLOP/s: the median of some looks."""

    def __init__(self, isa: str | None) -> None:
        self._isa = isa
        self._looks: list[tuple[float, float]] = []

    def look(self) -> None:
        """Measure once more, if there are kernels to ask."""
        if self._isa is not None:
            self._looks.append(kernels.measure_peaks(self._isa, _PEAK_SECONDS))

    @property
    def fp32(self) -> float | None:
        """Of multiply-adds; None where there are no kernels."""
        return float(np.median([fp32 for fp32, _ in self._looks])) if self._looks else None

    @property
    def bf16(self) -> float | None:
        """Of dot products in bfloat16; None where there are none."""
        return float(np.median([bf16 for _, bf16 in self._looks])) or None if self._looks else None

    def share(self, flop: Operations, points_per_core_second: float) -> float | None:
        """Return the share of the peak at a rate."""
        if self.fp32 is None:
            return None
        return flop.seconds(self.fp32, self.bf16) * points_per_core_second


def _operations(request: Request) -> Operations:
    density = len(request.structure) / request.structure.volume
    fast = request.options.uncertainty == "fast"
    return Operations.of(request.model, density, fast, request.task.kernels)


def peak_rss_bytes() -> int:
    """Return the most memory that this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def processor() -> str:
    """Name the processor of this machine."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
