"""Where the compiled kernels spend their time: each stage against the peak of the core.

    python benchmarks/kernels.py [model] [instruction set ...]
    python benchmarks/kernels.py sums=4,5.5,9.2,4 width=64 poles=6,4.5,13,6

The second form times random weights of a shape: radial functions, shortest and longest reach (Bohr)
and l of the sums and of the pseudo-atoms' multipoles, width of the network.
`rhocast benchmark inference` times what predictions do; this looks inside the kernels, in one large
block. Peaks and kernels are timed in one process, in CPU time, the best of several runs.
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from rhocast import config
from rhocast.evaluation import compiled as kernels
from rhocast.evaluation.compiled import CompiledEvaluator
from rhocast.grid import BinnedAtoms, Mesh
from rhocast.inference.options import FIELDS
from rhocast.speed import Subject
from rhocast.speed.operations import Operations
from rhocast.speed.subject import random_model

STAGES = ("gathering", "sums", "invariants", "network", "baseline", "multipoles")
N_ATOMS = 500
BOX = (slice(0, 32), slice(0, 32), slice(0, 32))
N_POINTS = 32**3
REPEATS = 8


def best_cpu_time(action: Callable[[], object]) -> float:
    """Return the least CPU time of several runs, seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.thread_time()
        action()
        times.append(time.thread_time() - start)
    return min(times)


def report(subject: Subject, isa: str) -> None:
    """Print a table of one instruction set."""
    structure = subject.crystal(N_ATOMS)
    mesh = Mesh((64, 64, 64), structure.cell)
    part = np.array([side.stop - 1 for side in BOX]) / mesh.shape
    around = BinnedAtoms.of(structure).around(np.zeros(3), part, subject.model.reach_bohr)
    assert around is not None
    bound = CompiledEvaluator(subject.model, mesh, FIELDS["none"], isa).bind(around)
    with_spread = CompiledEvaluator(subject.model, mesh, FIELDS["fast"], isa).bind(around)
    before = kernels.measure_peaks(isa, 0.3)
    mean = best_cpu_time(lambda: bound(BOX))
    fast = best_cpu_time(lambda: with_spread(BOX))
    stages = np.full(len(STAGES), np.inf)
    for _ in range(REPEATS):
        seconds = np.zeros(len(STAGES))
        bound(BOX, seconds)
        stages = np.minimum(stages, seconds)
    fp32, bf16 = np.mean([before, kernels.measure_peaks(isa, 0.3)], axis=0)
    atoms_per_bohr3 = len(structure) / structure.volume
    flop = vars(Operations.of(subject.model, atoms_per_bohr3, isa=isa))
    lines = [f"{isa}: peaks {fp32:.0f} (fp32) and {bf16:.0f} (bf16) GFLOP/s"]
    for kind, seconds in {"mean": mean, "fast": fast}.items():
        needed = Operations.of(subject.model, atoms_per_bohr3, kind == "fast", isa)
        ideal = needed.seconds(fp32, bf16 or None) * N_POINTS
        lines.append(
            f"  {kind} {1e-6 * N_POINTS / seconds:.2f} M points/CPU-s, "
            f"{100 * ideal / seconds:.0f} % of the peak"
        )
    for stage, seconds in zip(STAGES, stages / N_POINTS, strict=True):
        line = f"  {stage:10s} {1e9 * seconds:6.0f} ns"
        if stage in flop:
            rate = 1e-9 * flop[stage] / seconds
            rounded = flop["network"] - flop["unrounded"] if stage == "network" else 0.0
            ideal = 1e-9 * ((flop[stage] - rounded) / fp32 + rounded / (bf16 or fp32))
            line += f", {rate:4.0f} GFLOP/s, {100 * ideal / seconds:3.0f} % of the peak"
        lines.append(line)
    sys.stdout.write("\n".join(lines) + "\n")


def random_subject(words: dict[str, str]) -> Subject:
    """Return random weights of the shape that words describe."""
    network = config.Network(width=int(words.get("width", "64")), blocks=1)
    descriptor = config.SmoothDescriptor(kind="smooth", **smooth_sums(words["sums"]))
    poles = config.Multipoles(**smooth_sums(words["poles"])) if "poles" in words else None
    baseline = config.Baseline(cutoff_bohr=14.0, intervals=56, multipoles=poles)
    return Subject(random_model(descriptor, network, baseline), "random weights")


def smooth_sums(numbers: str) -> dict[str, float]:
    """Read the sizes of smooth sums."""
    radial, shortest, longest, angular = numbers.split(",")
    return {
        "radial_functions": int(radial),
        "shortest_bohr": float(shortest),
        "cutoff_bohr": float(longest),
        "angular": int(angular),
    }


def main(arguments: list[str]) -> None:
    """Time the instruction sets that are named, or all."""
    known = kernels.isas()
    names = [word for word in arguments if word in known] or known
    shape = dict(word.split("=", 1) for word in arguments if "=" in word)
    files = [word for word in arguments if word not in known and "=" not in word]
    subject = random_subject(shape) if shape else Subject.load(files[0] if files else None)
    for isa in names:
        report(subject, isa)


if __name__ == "__main__":
    main(sys.argv[1:])
