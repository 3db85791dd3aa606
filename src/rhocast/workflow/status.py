"""How far a campaign has come, by its files alone: outputs, logs and benchmarks of jobs."""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rhocast.config.convergence import OWN
from rhocast.workflow.campaign import Campaign

#: In the log of a job that has failed.
_FAILURES = (" ERROR ", "error: ", "Traceback")

#: Bytes at the end of a log that are looked at.
_TAIL = 4000


@dataclass(frozen=True)
class Stage:
    """The jobs of one rule.

    Attributes
    ----------
    rule
        Its name.
    done, running, failed, pending
        Numbers of jobs. A job runs if it has a log, no output and no error, while Snakemake holds
        its lock.
    hours_used
        Wall time of the jobs that are done, as Snakemake has measured it.
    hours_left
        Of the other jobs, if they take as long on average; NaN if none is done.
    failures
        Logs of the failed ones.
    """

    rule: str
    done: int
    running: int
    failed: int
    pending: int
    hours_used: float
    hours_left: float
    failures: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    """A job's name in the folders of logs and benchmarks, and files of which one shows it done."""

    name: str
    outputs: tuple[str, ...]


def progress(campaign: Campaign, folder: Path = Path()) -> list[Stage]:
    """Count the jobs of a campaign, rule by rule.

    Those of `studies` and `physics`, which are made on request, are counted once one has begun.

    Parameters
    ----------
    campaign
        The campaign.
    folder
        That Snakemake is started in.
    """
    runs = any((folder / ".snakemake/locks").glob("*"))
    jobs_of = _jobs(campaign)
    if campaign.rounds:
        number = _round(campaign, folder)
        jobs_of = _jobs(campaign.rounds[number - 1]) | _jobs_of_rounds(campaign, number)
    for requested in (_jobs_of_studies(campaign), _jobs_of_physics(campaign)):
        if any(_has_begun(campaign, folder, job) for jobs in requested.values() for job in jobs):
            jobs_of |= requested
    return [_stage(campaign, folder, rule, jobs, runs) for rule, jobs in jobs_of.items() if jobs]


def _round(campaign: Campaign, folder: Path) -> int:
    """Return the number of the round that is under way, or was the last."""
    for number in range(1, len(campaign.rounds)):
        verdict = folder / campaign.results(f"rounds/{number}.json")
        if not verdict.is_file() or json.loads(verdict.read_text(encoding="utf-8"))["stop"]:
            return number
    return len(campaign.rounds)


def _jobs_of_rounds(campaign: Campaign, last: int) -> dict[str, list[_Job]]:
    """Return the jobs of training that are done in every round."""
    results, numbers = campaign.results, range(1, last + 1)
    return {
        rule: [_Job(f"{rule}/{n}", (results(f"rounds/{n}/{model}.safetensors"),)) for n in numbers]
        for rule, model in (("train", "base"), ("transfer", "transferred"))
    }


def _stage(campaign: Campaign, folder: Path, rule: str, jobs: list[_Job], runs: bool) -> Stage:
    counts = {"done": 0, "running": 0, "failed": 0, "pending": 0}
    used, failures = [], []
    for job in jobs:
        log = folder / campaign.log_of(job.name)
        if any((folder / output).is_file() for output in job.outputs):
            counts["done"] += 1
            used.append(_seconds(folder / campaign.benchmark_of(job.name)))
        elif log.is_file() and _has_failed(log):
            counts["failed"] += 1
            failures.append(str(log))
        else:
            counts["running" if runs and log.is_file() else "pending"] += 1
    known = [seconds / 3600.0 for seconds in used if not math.isnan(seconds)]
    left = len(jobs) - counts["done"]
    mean = sum(known) / len(known) if known else math.nan
    return Stage(
        rule=rule,
        **counts,
        hours_used=sum(known),
        hours_left=left * mean if left else 0.0,
        failures=tuple(failures),
    )


def _jobs(campaign: Campaign) -> dict[str, list[_Job]]:
    """Return the jobs of each rule, in the order of the flow."""
    config, results = campaign.config, campaign.results
    frames = [
        f"{system}/{temperature}K/{number}"
        for system, temperature in campaign.runs()
        for number in range(config.frames(system, temperature))
    ]
    jobs: dict[str, list[_Job]] = {
        **_jobs_of_convergence(campaign),
        "structure": [
            _Job(f"structure/{s}.{suffix}", (results(f"structures/{s}.{suffix}"),))
            for s, suffix in _structures(campaign)
        ],
        "aimd": [],
        "classical": [],
        "snapshots": [_Job(f"snapshots/{n}", (results(f"snapshots/{n}.extxyz"),)) for n in frames],
        "scf": [_Job(f"scf/{n}", (results(f"densities/{n}.h5"),)) for n in frames],
    }
    for system, temperature in campaign.moving_runs():
        sampler = config.sampler(system, temperature)
        output = campaign.run_of(system, temperature)
        jobs[sampler].append(_Job(f"{sampler}/{system}/{temperature}K", (output,)))
    learnt = sorted({config.training.dataset, config.transfer.dataset})
    base, _, transferred = campaign.models()
    fields = {cell: results(f"predictions/{cell}/density.h5") for cell in config.prediction.cells}
    return jobs | {
        "features": [_Job(f"features/{d}", (results(f"features/{d}.h5"),)) for d in learnt],
        "train": [_Job("train", (base,))],
        "transfer": [_Job("transfer", (transferred,))],
        "evaluate": [
            _Job(f"evaluate/{d}", (results(f"evaluation/{d}.json"),)) for d in config.evaluation
        ],
        "choose": [_Job("choose", (campaign.chosen_model(),))],
        "predict": [  # shards are removed once they are merged
            _Job(f"predict/{cell}/{k}", (field, results(f"predictions/{cell}/shard-{k}.h5")))
            for cell, field in fields.items()
            for k in range(config.prediction.shards)
        ],
        "merge": [_Job(f"merge/{cell}", (field,)) for cell, field in fields.items()],
        "summary": [_Job("summary", (results("summary.txt"),))],
    }


def _jobs_of_convergence(campaign: Campaign) -> dict[str, list[_Job]]:
    study, results = campaign.config.convergence, campaign.results
    if study is None:
        return {}
    points = (OWN, *study.points())
    return {
        "converge_structure": [
            _Job("converge_structure", (results("convergence/structure.extxyz"),))
        ],
        "converge_point": [
            _Job(f"converge_point/{p}", (results(f"convergence/{p}.h5"),)) for p in points
        ],
        "converge": [_Job("converge", tuple(campaign.study_results()[:1]))],
    }


def _jobs_of_studies(campaign: Campaign) -> dict[str, list[_Job]]:
    """Return the jobs of the target `studies`."""
    studies, results = campaign.config.studies, campaign.results
    jobs = {
        "descriptor_point": [
            _Job(f"descriptor_point/{p}", (results(f"studies/descriptors/{p}.json"),))
            for p in campaign.descriptor_points()
        ],
        "select_descriptors": [_Job("select_descriptors", (results("studies/descriptors.tsv"),))],
        "compare_cells": [_Job("compare_cells", (results("studies/cells.tsv"),))],
        "sigma": [_Job("sigma", (results("studies/sigma.tsv"),))],
    }
    if studies.larger:
        jobs["economy_seed"] = [
            _Job(f"economy_seed/{n}", (results(f"studies/economy/{n}.tsv"),))
            for n in range(studies.seeds)
        ]
        jobs["economy"] = [_Job("economy", (results("studies/economy.tsv"),))]
    if studies.vacancy:
        jobs["add_vacancy"] = [_Job("add_vacancy", (results("studies/vacancy.tsv"),))]
    return jobs


def _jobs_of_physics(campaign: Campaign) -> dict[str, list[_Job]]:
    """Return the jobs of the target `physics`."""
    energies, study = campaign.config.energies, campaign.config.equation_of_state
    bands, results = campaign.config.bands, campaign.results
    datasets = energies.datasets if energies else ()
    volumes, paths = (study.systems if study else ()), (bands.systems if bands else ())
    return {
        "energies": [_Job(f"energies/{d}", (results(f"physics/energies-{d}.tsv"),))
                     for d in datasets],
        "draw_energies": [_Job(f"draw_energies/{d}", (results(f"figures/energies-{d}.png"),))
                          for d in datasets],
        "equation_of_state": [_Job(f"equation_of_state/{s}", (results(f"physics/eos-{s}.tsv"),))
                              for s in volumes],
        "fit_equation_of_state": [
            _Job(f"fit_equation_of_state/{s}", (results(f"physics/eos-{s}.json"),))
            for s in volumes
        ],
        "bands": [_Job(f"bands/{s}", (results(f"physics/bands-{s}.json"),)) for s in paths],
        "draw_bands": [_Job(f"draw_bands/{s}", (results(f"figures/bands-{s}.png"),))
                       for s in paths],
    }  # fmt: skip


def _has_begun(campaign: Campaign, folder: Path, job: _Job) -> bool:
    return any((folder / path).is_file() for path in (*job.outputs, campaign.log_of(job.name)))


def _structures(campaign: Campaign) -> Iterator[tuple[str, str]]:
    """Yield the systems that are built, each with the suffix of its file."""
    yield from ((system, "extxyz") for system in sorted({system for system, _ in campaign.runs()}))
    yield from ((cell, "h5") for cell in campaign.config.prediction.cells)


def _has_failed(log: Path) -> bool:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        tail = file.read().decode("utf-8", errors="replace")
    return any(word in tail for word in _FAILURES)


def _seconds(benchmark: Path) -> float:
    """Return the wall time that Snakemake has measured of a job; NaN if it has not."""
    try:
        with benchmark.open(encoding="utf-8", newline="") as file:
            return float(next(csv.DictReader(file, delimiter="\t"))["s"])
    except (OSError, StopIteration, KeyError, ValueError):
        return math.nan
