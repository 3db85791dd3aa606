"""Rounds of a campaign: whether its goal is met, and what more data would buy."""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rhocast.analysis.picture import new_figure, save_figure
from rhocast.analysis.verdict import Reference, better, judge_error, percent, read_errors
from rhocast.config import Goal
from rhocast.datasets.entry import read_entry
from rhocast.files import replacing

log = logging.getLogger(__name__)

#: What a learning curve counts.
SNAPSHOTS = "snapshots for training and transfer,\nvalidation included"

#: Errors fall with the number of snapshots n as n^-b; b is taken within these bounds.
_EXPONENTS = (0.0, 1.0)


@dataclass(frozen=True)
class Round:
    """What one round has used and reached.

    Attributes
    ----------
    number
        Counted from 1.
    snapshots
        Snapshots of the datasets of training and transfer together, those that are held back for
        validation included: what was computed, whichever model is chosen.
    core_hours
        Of dynamics and single points of all rounds so far.
    nmae
        The largest of the datasets of `evaluation`, of the model chosen by the first of them.
    """

    number: int
    snapshots: int
    core_hours: float
    nmae: float


def judge_round(
    goal: Goal,
    number: int,
    *,
    errors: Sequence[str | Path],
    densities: Sequence[str | Path],
    trained_on: Sequence[int],
    dynamics: Sequence[Mapping[str, Any]],
    added_like: Sequence[str | Path],
    added_dynamics: Sequence[Mapping[str, Any]],
    before: str | Path | None,
    study: str | Path | None,
    verdict: str | Path,
    picture: str | Path,
) -> dict[str, Any]:
    """Decide whether a campaign stops, and say why; write it as JSON, the learning curve as PNG.

    Parameters
    ----------
    goal
        Section of the configuration.
    number
        Of the round, from 1.
    errors
        ``{dataset}.json`` of this round, of each dataset of `evaluation`; the first decides which
        model counts.
    densities
        Files of this round and those before it, whose cost counts.
    dynamics
        Records of the trajectories that they were taken from.
    added_like, added_dynamics
        Those of them that are like what the next round adds: they tell its cost.
    trained_on
        Snapshots of training and transfer of each round, as in `Round`, later ones included.
    before
        Verdict of the round before.
    study
        ``convergence.tsv``, if the study is configured.
    verdict, picture
        Files to write.
    """
    errors_of = [read_errors(path) for path in errors]
    chosen = better(errors_of[0])
    nmae = max(float(reports[chosen]["nmae"]) for reports in errors_of)
    own = Round(number, trained_on[number - 1], core_hours(densities, dynamics), nmae)
    curve = [*(_curve(before) if before else ()), own]
    reference = Reference.read(study) if study else None
    stop, why = _stop(goal, own, reference)
    expected = trained_on[number] if number < len(goal.rounds) else 2 * own.snapshots
    each = hours_each(added_like, added_dynamics)
    sentences = [judge_error(nmae, reference), why, what_more_buys(curve, expected, each)]
    content = {
        "stop": stop,
        "met": nmae <= goal.nmae,
        "sentences": sentences,
        "curve": [asdict(one) for one in curve],
    }
    draw_learning_curve(picture, curve, goal, reference)
    with replacing(verdict) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for sentence in sentences:
        log.info("round %d: %s", number, sentence)
    return content


def core_hours(densities: Sequence[str | Path], dynamics: Sequence[Mapping[str, Any]]) -> float:
    """Add up what single points and dynamics took, where their records say so."""
    points = [read_entry(Path(path)).core_hours for path in densities]
    return sum(filter(math.isfinite, points)) + sum(map(_hours_of, dynamics))


def hours_each(
    densities: Sequence[str | Path], dynamics: Sequence[Mapping[str, Any]]
) -> float | None:
    """Return the mean core hours of a density and of the dynamics it takes; None if not known."""
    points = [read_entry(Path(path)).core_hours for path in densities]
    if not points or not all(map(math.isfinite, points)):
        return None
    return (sum(points) + sum(map(_hours_of, dynamics))) / len(points)


def what_more_buys(curve: Sequence[Round], snapshots: int, each: float | None) -> str:
    """Say what error so many snapshots are expected to leave, and what they cost.

    The error of the last two rounds is taken for a power law of the number of snapshots; ``each``
    are the core hours that one of them takes, None if they are not known.
    """
    last = curve[-1]
    more = snapshots - last.snapshots
    cost = f"{more} more snapshots for training and transfer"
    if each is not None:
        cost += f", about {more * each:.2g} core hours,"
    if len(curve) < 2:
        return f"{cost} would show how fast the error falls"
    first = curve[-2]
    fallen = math.log(first.nmae / last.nmae) / math.log(last.snapshots / first.snapshots)
    exponent = min(max(fallen, _EXPONENTS[0]), _EXPONENTS[1])
    if exponent == 0.0:
        return f"{cost} are not expected to lower the error: the last round did not"
    after = last.nmae * (snapshots / last.snapshots) ** -exponent
    return f"{cost} are expected to lower the error to {percent(after)}"


def draw_learning_curve(
    path: str | Path, curve: Sequence[Round], goal: Goal, reference: Reference | None
) -> None:
    """Draw the error over the number of snapshots, with the goal and the reference's own error."""
    figure = new_figure(5.0, 3.6)
    axes = figure.subplots()
    axes.plot(
        [one.snapshots for one in curve], [100.0 * one.nmae for one in curve], "o-", color="#3b6ea5"
    )
    axes.axhline(100.0 * goal.nmae, color="#2e7d32", linestyle="--", label="goal")
    if reference is not None and reference.shares:
        axes.axhline(100.0 * reference.share, color="0.5", label="uncertainty of the reference")
    axes.set(xlabel=SNAPSHOTS, ylabel="held-out NMAE, %", ylim=(0.0, None))
    axes.set_xticks([one.snapshots for one in curve])
    axes.legend(frameon=False)
    save_figure(figure, path)


def _stop(goal: Goal, own: Round, reference: Reference | None) -> tuple[bool, str]:
    name = f"goal {percent(goal.nmae)}"
    if own.nmae <= goal.nmae:
        spent = f"{own.core_hours:.2g} core hours of DFT (wall time × cores)"
        return True, f"{name} is met in round {own.number}, with {spent}"
    if reference is not None and own.nmae <= reference.share:
        return True, f"{name} is not met: the uncertainty of the reference is the floor"
    if own.number == len(goal.rounds):
        return True, f"{name} is not met in {own.number} rounds, all there are"
    if goal.core_hours is not None and own.core_hours >= goal.core_hours:
        return True, f"{name} is not met within {goal.core_hours:g} core hours"
    return False, f"{name} is not met yet: round {own.number + 1} of {len(goal.rounds)} follows"


def _curve(path: str | Path) -> list[Round]:
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    return [Round(**one) for one in content["curve"]]


def _hours_of(record: Mapping[str, Any]) -> float:
    cores = int(record.get("ranks", 1)) * int(record.get("threads", 1))
    return float(record.get("wall_time_s", 0.0)) * cores / 3600.0
