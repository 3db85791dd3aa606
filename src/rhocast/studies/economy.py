"""What data are worth: error on larger cells against the cost of the data (the paper's Fig. 14).

Three ways to spend core hours of DFT: small cells alone; larger cells alone; small cells and, by
transfer, ever more of the larger ones. All models are judged by larger cells that none has seen.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from rhocast import config
from rhocast.analysis.evaluation import compare_snapshots
from rhocast.analysis.metrics import pool
from rhocast.analysis.picture import MISPLACED, new_figure, save_figure
from rhocast.config.studies import Schedule
from rhocast.datasets.entry import Entry, read_entry, trajectory_of
from rhocast.errors import FileFormatError
from rhocast.learning import FeatureSet, read_features, transfer
from rhocast.learning.training import train_on
from rhocast.model import DensityModel
from rhocast.studies.trials import sample

log = logging.getLogger(__name__)

#: Ways to spend core hours, with the colours they are drawn in.
COLOURS = {
    "small cells": "#3b6ea5",
    "larger cells": "#7a7a7a",
    "small cells and transfer": "#c0392b",
}

#: Errors with a label, in each decade.
_LABELLED = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


@dataclass(frozen=True)
class Row:
    """One model.

    Attributes
    ----------
    way
        A key of `COLOURS`.
    seed
        Of the training, and of the choice of snapshots.
    small, larger
        Snapshots of small and of larger cells that it was trained on.
    core_hours
        What their densities cost.
    l1_per_electron, rmse
        Errors on the larger cells that judge, over all mesh points; the latter in e/Bohr³.
    """

    way: str
    seed: int
    small: int
    larger: int
    core_hours: float
    l1_per_electron: float
    rmse: float


@dataclass(frozen=True)
class Economy:
    """The study for one seed.

    Attributes
    ----------
    recipe
        Of the models; trajectories that it holds back by name do not count here.
    schedule
        Section `transfer` of the configuration, likewise.
    judges
        Snapshot files of larger cells that judge.
    seed
        Decides which snapshots come first, and the trainings.
    """

    recipe: config.Recipe
    schedule: config.Transfer
    judges: Sequence[Path]
    seed: int

    def measure(self, small: Sequence[Path], larger: Sequence[Path]) -> list[Row]:
        """Train models on more and more snapshots and judge them.

        Rejected snapshots are left out. Their number doubles from one model to the next; those of
        the smaller set belong to the larger one, and all temperatures are there as soon as can be.

        Parameters
        ----------
        small, larger
            Snapshot files to train on.

        Raises
        ------
        FileFormatError
            If a file does not record what its density cost, or one that judges is trained on.
        """
        small_entries, larger_entries = (self._in_order(paths) for paths in (small, larger))
        self._check_judges([*small_entries, *larger_entries])
        with TemporaryDirectory() as folder:
            small_data, larger_data = (
                read_features(self._sample(entries, Path(folder) / f"{name}.h5"))
                for name, entries in (("small", small_entries), ("larger", larger_entries))
            )
            rows = []
            for count in doubling(len(small_entries)):
                base = self._train(small_data.of_snapshots(range(count)))
                rows.append(self._judge("small cells", base, small_entries[:count], []))
            for count in doubling(len(larger_entries)):
                part = larger_entries[:count]
                alone = self._train(larger_data.of_snapshots(range(count)))
                rows.append(self._judge("larger cells", alone, [], part))
                both = self._transfer(base, self._sample(part, Path(folder) / "part.h5"))
                rows.append(self._judge("small cells and transfer", both, small_entries, part))
        return rows

    def _in_order(self, paths: Sequence[Path]) -> list[Entry]:
        entries = [entry for entry in map(read_entry, paths) if entry.accepted]
        if not entries:
            raise FileFormatError(f"no accepted snapshot among {[str(path) for path in paths]}")
        for entry in entries:
            if not entry.core_hours > 0.0:
                raise FileFormatError(
                    f"{entry.path}: expected the time that its density took (attributes "
                    "`wall_time_s`, `ranks`, `threads`), found none; leave it out"
                )
        return interleaved(entries, np.random.default_rng(config.seed_for(self.seed, "order")))

    def _check_judges(self, entries: Sequence[Entry]) -> None:
        seen = {entry.configuration for entry in entries}
        for path in self.judges:
            if read_entry(path).configuration in seen:
                raise FileFormatError(f"{path}: is trained on; expected others to judge by")
        trained = {entry.trajectory for entry in entries}
        if known := sorted(trained & set(map(trajectory_of, self.judges))):
            log.warning(
                "frames of trajectory %s are both trained on and judged by: they are correlated",
                ", ".join(known),
            )

    def _sample(self, entries: Sequence[Entry], path: Path) -> Path:
        return sample(self.recipe, [entry.path for entry in entries], path, self.seed)

    def _train(self, data: FeatureSet) -> DensityModel:
        schedule = _plain(self.recipe.training)
        return train_on(data, network=self.recipe.network, training=schedule, seed=self.seed)

    def _transfer(self, base: DensityModel, features: Path) -> DensityModel:
        return transfer(base, features, transfer=_plain(self.schedule), seed=self.seed)

    def _judge(
        self, way: str, model: DensityModel, small: Sequence[Entry], larger: Sequence[Entry]
    ) -> Row:
        compared = compare_snapshots(model, self.judges, 0, uncertainty="fast")
        figures = pool(one.sums for one in compared).figures()
        row = Row(
            way,
            self.seed,
            len(small),
            len(larger),
            sum(entry.core_hours for entry in [*small, *larger]),
            figures["l1_per_electron"],
            figures["rmse"],
        )
        log.info("%s: %.3g core hours, %.2f %%", way, row.core_hours, 100 * row.l1_per_electron)
        return row


def _plain(schedule: Schedule) -> Schedule:
    """Return a schedule that names no trajectory to hold back: it may not be there yet."""
    return schedule.model_copy(update={"validation_trajectories": ()})


def doubling(count: int) -> list[int]:
    """Return 1, 2, 4 … and last of all the count itself."""
    return sorted({min(2**power, count) for power in range((count - 1).bit_length() + 1)})


def interleaved(entries: Sequence[Entry], rng: np.random.Generator) -> list[Entry]:
    """Put snapshots in an order in which trajectories take turns; both are shuffled."""
    shuffled = [entries[i] for i in rng.permutation(len(entries))]
    names = dict.fromkeys(entry.trajectory for entry in shuffled)
    queues = [[entry for entry in shuffled if entry.trajectory == name] for name in names]
    rounds = zip_longest(*queues)
    return [entry for turn in rounds for entry in turn if entry is not None]


def draw_economy(rows: Sequence[Row], picture: str | Path) -> None:
    """Draw the error over the core hours, mean and spread over seeds.

    Parameters
    ----------
    rows
        Of all seeds.
    picture
        PNG to write.
    """
    figure = new_figure(5.8, 4.2)
    axes = figure.subplots()
    for way, colour in COLOURS.items():
        sizes = dict.fromkeys((row.small, row.larger) for row in rows if row.way == way)
        curve = [
            [row for row in rows if row.way == way and (row.small, row.larger) == size]
            for size in sizes
        ]
        hours = [np.mean([row.core_hours for row in point]) for point in curve]
        errors = [[100.0 * row.l1_per_electron for row in point] for point in curve]
        means, spreads = np.mean(errors, axis=1), np.std(errors, axis=1)
        axes.errorbar(hours, means, spreads, fmt="o-", color=colour, capsize=2, label=way)
    axes.set(
        xlabel="DFT core hours of the training data",
        ylabel=f"{MISPLACED} on unseen larger cells, %",
        xscale="log",
        yscale="log",
    )
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=_LABELLED))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False)
    axes.set_title(
        f"Trainings of each point: {len({r.seed for r in rows})}; bars: spread", fontsize=10
    )
    save_figure(figure, picture)
