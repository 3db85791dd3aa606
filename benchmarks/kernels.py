"""How close the compiled kernels come to the peak of the core: points per CPU-second by stage.

    python benchmarks/kernels.py [model] [instruction set ...]

Without a model, one of the shape 152-128-128-128-2 with random weights is made. The cell is
thermal fcc aluminium, 500 atoms, on a mesh of about 0.6 Bohr. Peaks and kernels are timed in one
process, in CPU time, the best of several runs. The share of the peak counts useful operations only:
what a machine without overhead would need for the multiply-adds of atoms within reach of the point
itself, of the scalar products and of the network; no exponentials, activations, padding, or atoms
that only other points of a group need.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from rhocast import config, descriptors, kernels
from rhocast.descriptors import PseudoAtoms, SmoothDescriptor
from rhocast.grid import Mesh
from rhocast.model import DensityModel, DensityNetwork, Normalisation
from rhocast.structures import Structure

STAGES = ("gathering", "sums", "invariants", "network", "baseline")
BOX = (slice(0, 32), slice(0, 32), slice(0, 32))
N_POINTS = 32**3
REPEATS = 8


def aluminium(cells: int = 5, seed: int = 0) -> Structure:
    """Thermal fcc aluminium, 4 · cells³ atoms."""
    sites = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2.0
    corners = np.stack(np.meshgrid(*3 * [np.arange(cells)], indexing="ij"), axis=-1).reshape(-1, 3)
    positions = 7.65 * (corners[:, None] + sites).reshape(-1, 3)
    positions += 0.15 * np.random.default_rng(seed).normal(size=positions.shape)
    return Structure(positions, 7.65 * cells * np.eye(3), np.full(len(positions), 13))


def random_model() -> DensityModel:
    """Return a model of the usual shape; what it predicts means nothing."""
    torch.manual_seed(0)
    descriptor = config.SmoothDescriptor(
        kind="smooth", cutoff_bohr=9.0, radial_functions=8, narrowest_bohr=0.45
    )
    network = config.Network(width=128, blocks=1, layers_per_block=2)
    made = descriptors.make(descriptor, ("Al",))
    structure = aluminium(2)
    points = np.random.default_rng(1).random((500, 3)) @ structure.cell
    table = 0.05 * np.exp(-(np.linspace(-0.5, 12.5, 27)[None] ** 2) / 9.0)
    return DensityModel(
        network=DensityNetwork(made.n_features, network).eval(),
        parameters=network,
        descriptor=descriptor,
        species=("Al",),
        normalisation=Normalisation.of(made.bind(structure)(points), np.array([0.0, 0.002])),
        baseline=PseudoAtoms(config.Baseline(), ("Al",), table),
    )


def useful_flop(model: DensityModel, structure: Structure) -> dict[str, float]:
    """Operations for each point and stage, multiply and add counted as two."""
    made = SmoothDescriptor(model.descriptor, model.species)
    density = len(structure) / abs(np.linalg.det(structure.cell))
    within = 4.0 / 3.0 * np.pi * density * (5.5 * made.widths_bohr + 0.6) ** 3
    harmonics = (model.descriptor.angular + 1) ** 2
    n = len(made.widths_bohr)
    products = n * (n + 1) // 2 * (harmonics - 1)
    products += (len(model.species) - 1) * n * harmonics
    reach = model.baseline.parameters.cutoff_bohr if model.baseline is not None else 0.0
    return {
        "sums": 2.0 * harmonics * within.sum(),
        "invariants": 2.0 * (products + made.n_features),
        "network": 2.0 * sum(layer.weight.numel() for layer in model.network.layers),
        # square distance 8, cubic 6, addition 1
        "baseline": 15.0 * 4.0 / 3.0 * np.pi * density * reach**3,
    }


def best_cpu_time(action: Callable[[], object]) -> float:
    """Return the least CPU time of several runs, seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.thread_time()
        action()
        times.append(time.thread_time() - start)
    return min(times)


def report(model: DensityModel, structure: Structure, isa: str) -> None:
    """Print a table of one instruction set."""
    mesh = Mesh((64, 64, 64), structure.cell)
    rank = model.parameters.width
    form = np.random.default_rng(2).normal(size=(rank, rank + 1)) / rank
    bound = kernels.Evaluator(model, form, isa).bind(structure)
    before = kernels.measure_peaks(isa, 0.3)
    mean = best_cpu_time(lambda: bound(mesh, BOX))
    fields = ("density", "epistemic_std", "aleatoric_std")
    fast = best_cpu_time(lambda: bound(mesh, BOX, fields))
    stages = np.full(5, np.inf)
    for _ in range(REPEATS):
        seconds = np.zeros(5)
        bound(mesh, BOX, seconds=seconds)
        stages = np.minimum(stages, seconds)
    fp32, bf16 = np.maximum(before, kernels.measure_peaks(isa, 0.3))
    network_peak = bf16 or fp32
    flop = useful_flop(model, structure)
    ideal = {k: 1e-9 * v / (network_peak if k == "network" else fp32) for k, v in flop.items()}
    share = sum(ideal.values()) / (mean / N_POINTS)
    lines = [
        f"{isa}: peaks {fp32:.0f} (fp32) and {bf16:.0f} (bf16) GFLOP/s",
        f"  mean {1e-6 * N_POINTS / mean:.2f}, fast {1e-6 * N_POINTS / fast:.2f} M points/CPU-s",
        f"  {1e-3 * sum(flop.values()):.1f} kFLOP a point; share of the peak {100 * share:.0f} %",
    ]
    for stage, seconds in zip(STAGES, stages / N_POINTS, strict=True):
        line = f"  {stage:10s} {1e9 * seconds:6.0f} ns"
        if stage in flop:
            line += f", {1e-9 * flop[stage] / seconds:4.0f} GFLOP/s"
            line += f", {100 * ideal[stage] / seconds:3.0f} % of the peak"
        lines.append(line)
    sys.stdout.write("\n".join(lines) + "\n")


def main(arguments: list[str]) -> None:
    """Time the instruction sets that are named, or all."""
    known = kernels.isas()
    names = [word for word in arguments if word in known] or known
    files = [word for word in arguments if word not in known]
    model = DensityModel.load(files[0]) if files else random_model()
    for isa in names:
        report(model, aluminium(), isa)


if __name__ == "__main__":
    main(sys.argv[1:])
