"""What one snapshot with a vacancy teaches (the paper's Fig. 9).

Models are trained alike, but for one snapshot: those of the second kind have seen a vacancy. All
are judged by other vacancies: error and epistemic σ around them, before and after, with the same
factors of calibration for all.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.analysis.defects import FAR_BOHR, NEAR_BOHR, Surroundings, contrast, join, shells
from rhocast.analysis.evaluation import around_vacancies, compare_snapshots
from rhocast.analysis.picture import new_figure, save_figure
from rhocast.datasets.entry import read_entry
from rhocast.errors import FileFormatError
from rhocast.model import DensityModel
from rhocast.studies.trials import hold_back, train_trials, trial_seeds

log = logging.getLogger(__name__)

#: The two kinds of models, with the colours they are drawn in.
COLOURS = {"before": "#3b6ea5", "after": "#c0392b"}


@dataclass(frozen=True)
class Row:
    """A shell of points around the vacancy, as models of one kind see it.

    Attributes
    ----------
    model
        ``before`` or ``after``.
    distance_bohr
        Middle of the shell.
    points
        In the shell, counted for each model.
    epistemic_std, deviation
        Medians of epistemic σ and |Δρ|, e/Bohr³.
    """

    model: str
    distance_bohr: float
    points: int
    epistemic_std: float
    deviation: float


def add_vacancy(
    recipe: config.Recipe,
    snapshots: Sequence[Path],
    added: Path,
    judges: Sequence[Path],
    seed: int,
    seeds: int = 1,
) -> dict[str, Surroundings]:
    """Train without and with a snapshot that has a vacancy; look around other vacancies.

    Parameters
    ----------
    recipe
        Of all models.
    snapshots
        What all are trained on, of two trajectories or more.
    added
        What those of the second kind are trained on too.
    judges
        Other snapshots with a vacancy.
    seed
        Everything random follows from it.
    seeds
        Trainings of each kind.

    Returns
    -------
    dict
        Points around the vacancies of ``judges`` by kind, ``before`` and ``after``, those of all
        trainings put together.

    Raises
    ------
    FileFormatError
        If what judges is trained on.
    """
    seen = {read_entry(path).configuration for path in [*snapshots, added]}
    for path in judges:
        if read_entry(path).configuration in seen:
            raise FileFormatError(f"{path}: is trained on; expected others to judge by")
    recipe = hold_back(recipe, snapshots, seed)
    trained = {
        name: train_trials(recipe, paths, trial_seeds(seed, seeds))
        for name, paths in (("before", snapshots), ("after", [*snapshots, added]))
    }
    factors = _common_factors([model for models in trained.values() for model in models])
    around = {}
    for name, models in trained.items():
        alike = [_with_factors(model, *factors) for model in models]
        around[name] = join([_look(model, judges) for model in alike])
        near = around[name].distance_bohr < NEAR_BOHR
        log.info(
            "%s: within %g Bohr median |error| %.2e, epistemic σ %.2e e/Bohr³, %.1f × that of "
            "equal density far away",
            name,
            NEAR_BOHR,
            np.median(around[name].deviation[near]),
            np.median(around[name].epistemic_std[near]),
            contrast(around[name]),
        )
    return around


def _common_factors(models: Sequence[DensityModel]) -> tuple[float, float]:
    """Return the medians of the factors of several models, aleatoric and epistemic.

    All are calibrated on the same trajectory. That their factors differ is luck, and would pass for
    something learnt of the vacancy.
    """
    found = [model.calibrations["fast"] for model in models]
    return (
        float(np.median([one.aleatoric for one in found])),
        float(np.median([one.epistemic for one in found])),
    )


def _with_factors(model: DensityModel, aleatoric: float, epistemic: float) -> DensityModel:
    """Return the model with other factors; where its σ grows follows from its own data."""
    own = model.calibrations["fast"]
    common = replace(own, aleatoric=aleatoric, epistemic=epistemic)
    return replace(model, calibrations={"fast": common})


def _look(model: DensityModel, judges: Sequence[Path]) -> Surroundings:
    return around_vacancies(compare_snapshots(model, judges, 0, uncertainty="fast"))


def vacancy_rows(around: Mapping[str, Surroundings]) -> list[Row]:
    """Return the rows of the table."""
    return [Row(name, *shell) for name, points in around.items() for shell in shells(points)]


def draw_vacancy(around: Mapping[str, Surroundings], picture: str | Path) -> None:
    """Draw error and epistemic σ around the vacancy, before and after it was seen.

    Parameters
    ----------
    around
        Of `add_vacancy`.
    picture
        PNG to write.
    """
    figure = new_figure(9.2, 3.9)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, column, label in zip(panels, (3, 2), ("|error|", "epistemic σ"), strict=True):
        for name, points in around.items():
            profile = np.array(shells(points))
            axes.plot(
                profile[:, 0],
                profile[:, column],
                "o-",
                color=COLOURS[name],
                markersize=3.5,
                label=f"{name} ({contrast(points):.1f} × far away)" if column == 2 else name,
            )
        axes.axvspan(0.0, NEAR_BOHR, color="0.9", linewidth=0.0, zorder=0)
        axes.axvline(FAR_BOHR, color="0.6", linewidth=0.8, linestyle=":")
        axes.set(
            xlabel="distance from the vacancy, Bohr",
            ylabel=f"median {label} over the shell, e/Bohr³",
            yscale="log",
        )
        axes.legend(frameon=False)
    figure.suptitle("A vacancy, before and after another one was added to training", fontsize=10)
    save_figure(figure, picture)
