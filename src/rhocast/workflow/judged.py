"""Which results of a campaign are judged by their stamps, and which of them stand."""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from rhocast.config import System, seed_for
from rhocast.config.studies import OWN
from rhocast.errors import StructureError
from rhocast.structures import build_system, read_structure
from rhocast.workflow.campaign import Campaign
from rhocast.workflow.determinants import Determinants
from rhocast.workflow.standing import except_standing, holds_frames, why_not

#: Rules upstream of each kind of result that can stand, its own included: if one of them is forced,
#: none of that kind stands.
_UPSTREAM = {
    "trajectories": {"structure", "engine", "aimd", "classical"},
    "choices": {"acquire"},
    "frames": {"structure", "engine", "aimd", "classical", "acquire", "snapshots"},
    "densities": {"structure", "engine", "aimd", "classical", "acquire", "snapshots", "scf"},
    "study": {"engine", "converge_structure", "converge_point"},
}

#: What follows in a path after what the wildcards match.
_SUFFIX = {
    "trajectories": "/trajectory.extxyz",
    "choices": ".tsv",
    "frames": ".extxyz",
    "densities": ".h5",
    "study": ".h5",
}

#: Cells agree if their vectors differ by this at most, Bohr: extended XYZ rounds them.
_SAME_CELL_BOHR = 1e-5


@dataclass(frozen=True)
class Judged:
    """A result that may stand.

    Attributes
    ----------
    kind
        ``trajectories``, ``frames``, ``densities``, ``choices`` or ``study``.
    name
        What the wildcards of its rule match, as a path.
    path
        The file.
    determinants
        As the configuration has them.
    system
        Key of ``systems`` whose atoms it holds; None of a table.
    cell
        That system, as the configuration describes it; None of a table.
    seed
        That the record of its trajectory holds.
    frames
        How many it must hold, if it is a trajectory.
    """

    kind: str
    name: str
    path: str
    determinants: Determinants
    system: str | None = None
    cell: System | None = None
    seed: int | None = None
    frames: int | None = None

    def why_not(self, engine: str) -> list[str]:
        """Return the keys by which the file differs from the configuration; see `why_not`.

        A file of version 0.1.0 carries no stamp; its cell and its atoms are compared instead.
        """
        return why_not(
            self.path,
            self.determinants,
            engine,
            density=self.kind in ("densities", "study"),
            seed=self.seed,
            otherwise=self._other_atoms,
        )

    def _other_atoms(self) -> list[str]:
        if self.cell is None or _holds(self.path, self.cell):
            return []
        return [f"systems.{self.system}"]


def standing_results(campaign: Campaign, arguments: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return, by kind, the results that stand: no rule makes them.

    Parameters
    ----------
    campaign
        The campaign.
    arguments
        Of Snakemake's command line; rules and files that they force do not stand.

    Returns
    -------
    dict
        For ``trajectories``, ``frames``, ``densities``, ``choices`` and ``study``: parts of the
        path that the wildcards of their rule match.
    """
    engine, (forced, all_forced) = campaign.settled_engine(), _forced(arguments)
    standing: dict[str, list[str]] = {kind: [] for kind in _UPSTREAM}
    for result in judged_results(campaign):
        if all_forced or forced & ({result.path} | _UPSTREAM[result.kind]):
            continue
        if (
            Path(result.path).is_file()
            and not result.why_not(engine)
            and holds_frames(result.path, result.frames)
        ):
            standing[result.kind].append(result.name)
    return standing


def constraint(kind: str, standing: Mapping[str, Iterable[str]], names: Iterable[str]) -> str:
    """Return the regular expression of a rule's first wildcard; see `except_standing`.

    Parameters
    ----------
    kind
        Of the rule's results.
    standing
        What `standing_results` returned.
    names
        All values that the wildcard may have.
    """
    return except_standing(standing.get(kind, ()), _SUFFIX[kind], "|".join(names))


def judged_results(campaign: Campaign) -> Iterator[Judged]:
    """Yield all results that may stand, whether they are there or not."""
    config, determined = campaign.config, campaign.determined
    for system, temperature in campaign.runs():
        yield from _of_run(campaign, system, temperature)
    for dataset in config.datasets:
        if campaign.pools_of(dataset):
            path = campaign.results(f"acquired/{dataset}.tsv")
            yield Judged("choices", dataset, path, determined.choices(dataset))
    if (study := config.convergence) is not None:
        for point in (OWN, *study.points()):
            path = campaign.results(f"convergence/{point}.h5")
            determinants, cell = determined.study_density(point), study.cell(config.systems)
            yield Judged("study", point, path, determinants, study.system, cell)


def _of_run(campaign: Campaign, system: str, temperature: int) -> Iterator[Judged]:
    """Yield a trajectory, if there is one, its frames and their densities."""
    run, config, determined = f"{system}/{temperature}K", campaign.config, campaign.determined
    known = (system, config.systems[system], seed_for(config.seed, "aimd", system, temperature))
    if (system, temperature) in campaign.moving_runs():
        yield Judged(
            "trajectories",
            run,
            campaign.run_of(system, temperature),
            determined.trajectory(system, temperature),
            *known,
            frames=config.candidates(system, temperature),
        )
    frame = determined.frame(system, temperature)
    density = determined.density(system, temperature)
    for number in range(config.frames(system, temperature)):
        name = f"{run}/{number}"
        yield Judged("frames", name, campaign.results(f"snapshots/{name}.extxyz"), frame, *known)
        yield Judged("densities", name, campaign.results(f"densities/{name}.h5"), density, *known)


def _holds(path: str, cell: System) -> bool:
    """Say whether a file holds the atoms of a system, wherever they have moved in its cell."""
    try:
        found = read_structure(path)
    except StructureError:
        return False
    vectors, numbers = _built(cell.model_dump_json())
    return (
        np.allclose(found.cell, vectors, rtol=0.0, atol=_SAME_CELL_BOHR)
        and sorted(found.numbers) == numbers
    )


@cache
def _built(cell: str) -> tuple[np.ndarray, list[int]]:
    """Return the vectors (Bohr) and the atomic numbers, sorted, of a system given as JSON."""
    still = System.model_validate_json(cell).model_copy(update={"temperature_K": None})
    built = build_system(still, debye_temperature_K=0.0, seed=0)
    return built.cell, sorted(built.numbers)


def _forced(arguments: Sequence[str]) -> tuple[set[str], bool]:
    """Return rules and files that a command line forces, and whether it forces targets or all.

    Snakemake tells it only after the Snakefile has been read.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--forcerun", "-R", nargs="*", default=[])
    parser.add_argument("--force", "-f", "--forceall", "-F", action="store_true")
    known, _ = parser.parse_known_args(list(arguments))
    return set(known.forcerun), known.force
