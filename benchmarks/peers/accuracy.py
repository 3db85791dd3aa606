"""Errors of DeepDFT and ChargE3Net, trained on the data of the model `al` in a given CPU time.

    git clone https://github.com/peterbjorgensen/DeepDFT
    git clone https://github.com/AIforGreatGood/charge3net
    pip install asap3 lz4 e3nn pandas
    PYTHONPATH=DeepDFT python benchmarks/peers/accuracy.py deepdft --resume deepdft.pt
    PYTHONPATH=charge3net python benchmarks/peers/accuracy.py charge3net --resume charge3net.pt

The peer is trained on one thread, then judged at random mesh points of snapshots that neither it
nor Rhocast has seen; the shipped model is judged at all points of the same ones. Prints a row of
a Markdown table for each kind of snapshots, and a line of the learning curve as JSON to standard
error every two minutes. A run that was ended goes on from its checkpoint. It needs less time where
memory that was freed is kept: `MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456
MALLOC_MMAP_THRESHOLD_=8589934592`.
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from learning import train
from recipes import RECIPES, Recipe
from samples import Sample

from rhocast import config
from rhocast.analysis.evaluation import compare_snapshots
from rhocast.datasets.entry import find_snapshots
from rhocast.model import DensityModel
from rhocast.model.shipped import model_path

DATA = Path("data")
TRAINING = {"al": ("al/al32", "al/al32-dense", "al/al32-liquid", "al/al32-thin")}
JUDGED = {
    "al": {
        "500 K": ("al/al32-test/500K",),
        "liquid, 1400 K": ("al/al32-test/1400K",),
        "vacancies, di-vacancies": ("al-defects/*-vacancy", "al-defects/*-divacancy"),
        "strain −5, +5 %": ("al-defects/al32-*5",),
        "stacking fault": ("al-unseen/al10-fault",),
        "grain boundary": ("al-unseen/al36-boundary",),
        "self-interstitial": ("al-unseen/al33-interstitial",),
        "slab": ("al-unseen/al6-slab",),
    }
}

#: Probe points that are computed at a time.
AT_ONCE = 250


@dataclass(frozen=True)
class Errors:
    """∫|Δρ|/N_e, its standard error, and the same of the density scaled to its electrons."""

    nmae: float
    standard_error: float
    scaled: float


def main() -> None:
    """Train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=RECIPES)
    parser.add_argument("--material", choices=TRAINING, default="al")
    parser.add_argument("--cpu-minutes", type=float, default=50.0)
    parser.add_argument(
        "--resume", type=Path, required=True, help="checkpoint to write, go on from"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002, the peers draw from it
    recipe = RECIPES[options.peer]()
    training, held_back = divide(options.material)
    progress = train(recipe, training, held_back, options.cpu_minutes, options.resume)
    sys.stderr.write(
        f"{recipe.name}: {progress.steps} steps in {progress.cpu_s / 60:.1f} CPU minutes, "
        f"{len(training)} snapshots; {progress.best_nmae:.2%} at those held back\n"
    )
    model = DensityModel.load(model_path(options.material))
    write(["snapshots", "number", recipe.name, "… scaled", "Rhocast", "ratio"])
    write(["---"] * 6)
    for name, systems in JUDGED[options.material].items():
        paths = find_snapshots([path for system in systems for path in sorted(DATA.glob(system))])
        peer = [judge(recipe, Sample.read(path)) for path in paths]
        nmae = float(np.mean([errors.nmae for errors in peer]))
        deviation = math.hypot(*(errors.standard_error for errors in peer)) / len(peer)
        scaled = float(np.mean([errors.scaled for errors in peer]))
        own = own_error(model, paths)
        cells = [f"{nmae:.2%} ± {deviation:.3%}", f"{scaled:.2%}", f"{own:.2%}"]
        write([name, str(len(paths)), *cells, f"{nmae / own:.1f}"])


def divide(material: str) -> tuple[list[Path], list[Path]]:
    """Return what Rhocast's model was trained on and what was held back to watch its training."""
    named = config.load_config(DATA / f"{material}.yaml").training.validation_trajectories
    assert named is not None
    every = find_snapshots([DATA / system for system in TRAINING[material]])
    held_back = [path for path in every if "/".join(path.with_suffix("").parts[-3:]) in named]
    assert len(held_back) == len(named)
    return [path for path in every if path not in held_back], held_back


def judge(recipe: Recipe, sample: Sample) -> Errors:
    """Compare a peer at random points of a snapshot.

    The electrons of its density are estimated from the same points, which is precise enough: what
    is drawn is Δρ, which is small.
    """
    predicted, true = [], []
    with torch.no_grad():
        for _ in range(recipe.judged // AT_ONCE):
            graph = recipe.draw(sample.density, sample.atoms, sample.points, AT_ONCE)
            batch = recipe.collate([graph])
            predicted.append(recipe.model(batch).numpy().ravel())
            true.append(batch["probe_target"].numpy().ravel())
    rho, expected = (np.concatenate(parts).astype(float) for parts in (predicted, true))
    mean = float(sample.density.mean(dtype=float))
    wrong = np.abs(rho - expected)
    scale = mean / (mean + (rho - expected).mean())
    return Errors(
        nmae=float(wrong.mean()) / mean,
        standard_error=float(wrong.std()) / math.sqrt(len(wrong)) / mean,
        scaled=float(np.abs(scale * rho - expected).mean()) / mean,
    )


def own_error(model: DensityModel, paths: list[Path]) -> float:
    """Return the mean NMAE of Rhocast over snapshots, at all of their mesh points."""
    compared = compare_snapshots(model, paths, uncertainty="fast")
    return float(np.mean([comparison.sums.figures()["nmae"] for comparison in compared]))


def write(cells: list[str]) -> None:
    """Write a row of the table."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
