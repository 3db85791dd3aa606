"""What one snapshot with a vacancy teaches (the paper's Fig. 9).

Two models are trained alike, but for one snapshot: the second has seen a vacancy. Both are judged
by other vacancies: error and epistemic σ around them, before and after.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rhocast import config
from rhocast.analysis.defects import FAR_BOHR, NEAR_BOHR, Surroundings, contrast, shells
from rhocast.analysis.evaluation import around_vacancies, compare_snapshots
from rhocast.analysis.figures import save_figure
from rhocast.dft.dataset import read_entry
from rhocast.errors import FileFormatError
from rhocast.studies.trials import hold_back, train_trials

log = logging.getLogger(__name__)

#: The two models, with the colours they are drawn in.
COLOURS = {"before": "#3b6ea5", "after": "#c0392b"}


@dataclass(frozen=True)
class Row:
    """A shell of points around the vacancy, as one of the models sees it.

    Attributes
    ----------
    model
        ``before`` or ``after``.
    distance_bohr
        Middle of the shell.
    points
        In the shell.
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
) -> dict[str, Surroundings]:
    """Train without and with a snapshot that has a vacancy; look around other vacancies.

    Parameters
    ----------
    recipe
        Of both models.
    snapshots
        What both are trained on, of two trajectories or more.
    added
        What the second is trained on too.
    judges
        Other snapshots with a vacancy.
    seed
        Of both trainings.

    Returns
    -------
    dict
        Points around the vacancies of ``judges`` by model, ``before`` and ``after``.

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
    around = {}
    for name, paths in (("before", snapshots), ("after", [*snapshots, added])):
        model = train_trials(recipe, paths, [seed])[0]
        around[name] = around_vacancies(compare_snapshots(model, judges, 0, uncertainty="fast"))
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
    figure = Figure(figsize=(9.2, 3.9), layout="constrained")
    panels = figure.subplots(1, 2)
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
