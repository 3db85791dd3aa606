"""What descriptors and baselines are worth on aluminium: errors, operations, time.

    python benchmarks/descriptors.py [--steps 3000] [--points 8000] [--only NAME …]

Named variants are trained alike, with the network and the schedule of `data/al.yaml`, which is one
of them, on what the model `al` was trained on, and judged over all mesh points of snapshots that
none has seen. Prints a row of a Markdown table for each; seconds are of CPU time.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rhocast import config
from rhocast.analysis.evaluation import compare_snapshots, error_report
from rhocast.datasets.entry import find_snapshots
from rhocast.model import DensityModel
from rhocast.speed.operations import Operations
from rhocast.studies.trials import train_trials

DATA = Path("data")
TRAINING = ("al/al32", "al/al32-dense", "al/al32-liquid", "al/al32-thin")
JUDGED = {
    "500 and 1400 K": ("al/al32-test",),
    "vacancies": ("al-defects/*-vacancy", "al-defects/*-divacancy"),
    "strain ±3, ±5 %": ("al-defects/al32-*",),
}
SEED = 0


@dataclass(frozen=True)
class Variant:
    """What the network is told, and what it need not learn."""

    descriptor: config.Descriptor
    baseline: config.Baseline | None


def main() -> None:
    """Train and judge, row by row."""
    own = config.load_config("data/al.yaml")
    every = variants(own)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--points", type=int, default=8000, help="of each snapshot")
    parser.add_argument("--only", nargs="+", choices=every, default=list(every), metavar="NAME")
    options = parser.parse_args()
    schedule = own.training.model_copy(update={"steps": options.steps})
    features = own.features.model_copy(update={"points_per_snapshot": options.points})
    recipe = own.recipe.model_copy(update={"training": schedule, "features": features})
    columns = ["variant", *JUDGED, "features", "FLOP per point", "features and training, s"]
    write(columns)
    write(["---" for _ in columns])
    for name in options.only:
        variant = every[name]
        started = time.process_time()
        model = train(recipe, variant)
        seconds = time.process_time() - started
        counted = Operations.of(model, atoms_per_bohr3=4.0 / 7.6534**3)
        flop = counted.descriptor + counted.network
        errors = [f"{error(model, systems):.2%}" for systems in JUDGED.values()]
        write([name, *errors, str(model.n_features), f"{flop:,.0f}", f"{seconds:.0f}"])


def variants(own: config.Config) -> dict[str, Variant]:
    """Return what is compared by name; what is sorted comes from `examples/paper-al.yaml`."""
    baseline, smooth = own.baseline, own.descriptor
    assert baseline is not None
    assert baseline.multipoles is not None
    spheres = baseline.model_copy(update={"multipoles": None})
    everywhere = baseline.multipoles.model_copy(update={"atoms_per_bohr3": None})
    usual = baseline.model_copy(update={"multipoles": everywhere})
    paper = config.load_config("examples/paper-al.yaml").descriptor

    def sized(sums: tuple[int, int, float], poles: tuple[int, int, float]) -> Variant:
        """Take other radial functions, angular momenta and cutoffs of descriptor and multipoles."""
        keys = ("radial_functions", "angular", "cutoff_bohr")
        of_sums, of_poles = (dict(zip(keys, sizes, strict=True)) for sizes in (sums, poles))
        assert baseline.multipoles is not None
        multipoles = baseline.multipoles.model_copy(update=of_poles)
        return Variant(
            smooth.model_copy(update=of_sums),
            baseline.model_copy(update={"multipoles": multipoles}),
        )

    return {
        "sorted": Variant(paper, None),
        "sorted, pseudo-atoms": Variant(paper, spheres),
        "sums": Variant(smooth, None),
        "sums, pseudo-atoms": Variant(smooth, spheres),
        "sums, multipoles, smaller": sized((3, 2, 10.0), (4, 4, 10.0)),
        "fewer sums, multipoles": sized((4, 3, 9.375), (7, 6, 13.5)),
        "sums, multipoles, one density": Variant(smooth, usual),
        "sums, multipoles (`data/al.yaml`)": Variant(smooth, baseline),
        "sums, multipoles, larger": sized((6, 5, 14.0), (9, 8, 15.0)),
    }


def train(recipe: config.Recipe, variant: Variant) -> DensityModel:
    """Train a model as the recipe says, but for its descriptor and baseline."""
    changed = {"descriptor": variant.descriptor, "baseline": variant.baseline}
    snapshots = find_snapshots([DATA / system for system in TRAINING])
    return train_trials(recipe.model_copy(update=changed), snapshots, [SEED])[0]


def error(model: DensityModel, systems: tuple[str, ...]) -> float:
    """Return ∫|Δρ|/N_e of all snapshots of some systems together."""
    folders = [folder for system in systems for folder in sorted(DATA.glob(system))]
    compared = compare_snapshots(model, find_snapshots(folders), 0, uncertainty="fast")
    return float(error_report(compared)["l1_per_electron"])


def write(cells: list[str]) -> None:
    """Write a row of the table."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
