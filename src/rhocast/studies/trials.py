"""Models that a study trains and compares; they are not kept."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from rhocast import config
from rhocast.datasets.entry import read_entry, trajectory_of
from rhocast.engines.psp8 import resolve_pseudopotentials
from rhocast.errors import ConfigError
from rhocast.learning import sample_features, train
from rhocast.model import DensityModel


def sample(recipe: config.Recipe, snapshots: Sequence[Path], path: Path, seed: int) -> Path:
    """Write the feature file of some snapshots and return it."""
    files = resolve_pseudopotentials(recipe.pseudopotentials)
    sample_features(
        path,
        snapshots,
        descriptor=recipe.descriptor,
        baseline=recipe.baseline,
        valence={element: file.valence for element, file in files.items()},
        points_per_snapshot=recipe.features.points_per_snapshot,
        max_rejected_share=recipe.features.max_rejected_share,
        seed=seed,
        groups=[trajectory_of(snapshot) for snapshot in snapshots],
    )
    return path


def train_trials(
    recipe: config.Recipe, snapshots: Sequence[Path], seeds: Sequence[int]
) -> list[DensityModel]:
    """Train a model for each seed, all on the same points of some snapshots."""
    with TemporaryDirectory() as folder:
        features = sample(recipe, snapshots, Path(folder) / "features.h5", seeds[0])
        return [
            train(features, network=recipe.network, training=recipe.training, seed=seed)
            for seed in seeds
        ]


def hold_back(recipe: config.Recipe, snapshots: Sequence[Path], seed: int) -> config.Recipe:
    """Name the trajectories that the models of a study are judged by, the same for all of them.

    They are those that the recipe names, single snapshots aside, else a share of all, at least
    one: frames of one trajectory know each other. The coldest and the hottest are taken last, or
    the only liquid might be missing from training.

    Raises
    ------
    ConfigError
        If the snapshots come from one trajectory.
    """
    temperatures = {trajectory_of(path): read_entry(path).temperature_K for path in snapshots}
    names = sorted(temperatures)
    wanted = recipe.training.validation_trajectories
    if named := tuple(name for name in wanted if name.rpartition("/")[0] not in names):
        training = recipe.training.model_copy(update={"validation_trajectories": named})
        return recipe.model_copy(update={"training": training})
    if len(names) < 2:
        raise ConfigError(
            f"expected snapshots of two trajectories or more, one to judge by, found {names}"
        )
    count = min(max(1, round(recipe.training.validation_share * len(names))), len(names) - 1)
    rng = np.random.default_rng(config.seed_for(seed, "held back"))
    extremes = {min(temperatures.values()), max(temperatures.values())}
    shuffled = sorted(
        rng.permutation(names).tolist(), key=lambda name: temperatures[name] in extremes
    )
    held_back = tuple(sorted(shuffled[:count]))
    training = recipe.training.model_copy(update={"validation_trajectories": held_back})
    return recipe.model_copy(update={"training": training})


def trial_seeds(seed: int, count: int) -> list[int]:
    """Return a seed for each training of a point."""
    return [config.seed_for(seed, "trial", number) for number in range(count)]
