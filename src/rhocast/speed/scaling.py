"""Cost against size, against ranks, and against DFT (the paper's Fig. 11)."""

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from math import prod
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rhocast.datasets.entry import Entry, find_snapshots, read_entry
from rhocast.engines.process import Launcher
from rhocast.errors import ParallelError
from rhocast.grid import Mesh
from rhocast.speed.subject import Subject
from rhocast.speed.throughput import benchmark_inference
from rhocast.structures import write_structure

log = logging.getLogger(__name__)

#: Cubes of 4 n³ atoms, 864 to 4,121,204.
SIZES = tuple(4 * n**3 for n in (6, 14, 29, 63, 101))

#: Last line of a prediction's progress (`rhocast.parallel.progress`).
_PROGRESS = re.compile(r"100 % of (\d+) points, (\S+) points/s")

#: File name of the model that all processes read.
MODEL = "model.safetensors"

#: A row of a table.
Row = dict[str, Any]


@dataclass(frozen=True)
class Scaling:
    """Three curves, a row for each measurement.

    Attributes
    ----------
    model
        What was timed.
    sizes
        The same time spent on cells of growing size: ``atoms`` and what
        `rhocast.speed.throughput.time_blocks` tells of the mean.
    ranks
        One prediction on more and more ranks: ``ranks``, ``points``, ``points_per_second`` without
        start-up, ``wall_s`` and ``cpu_s`` of the whole job, ``peak_rss_bytes`` of its largest rank.
    dft
        For each engine and number of atoms what DFT cost, as snapshot files tell (median), and the
        same structure predicted on one rank, at all points of DFT's mesh: ``dft_core_s``,
        ``whole_s`` with start-up and ``points_s`` without, all of them wall time times cores; and
        ``whole_cpu_s``, for machines that are not idle.
    """

    model: str
    sizes: list[Row]
    ranks: list[Row]
    dft: list[Row]


def measure_scaling(
    model: str | Path | None = None,
    *,
    sizes: Sequence[int] = SIZES,
    seconds: float = 10.0,
    launcher: Launcher | None = None,
    rank_atoms: int = 4000,
    snapshots: Sequence[str | Path] = (),
) -> Scaling:
    """Measure the curves, one after the other, each point in processes of its own.

    Parameters
    ----------
    model
        As in `Subject.load`.
    sizes
        Numbers of atoms of the size curve.
    seconds
        Time spent on each of them.
    launcher
        What starts the largest number of ranks: 1, 2, 4 … up to it are measured; none by default.
    rank_atoms
        Atoms of the cell that they predict.
    snapshots
        Snapshot files or folders, for the DFT curve; each records what it cost.

    Raises
    ------
    RhocastError
        If there is no such model, snapshot or launcher, or a prediction fails.
    """
    launcher = launcher or Launcher()
    if launcher.words and shutil.which(launcher.words[0]) is None:
        raise ParallelError(
            f"{launcher.words[0]}: no such program on the PATH; install MPI or name another "
            "launcher, or none ('')"
        )
    subject = Subject.load(model)
    with TemporaryDirectory() as name:
        folder = Path(name)
        subject.model.save(folder / MODEL)
        return Scaling(
            model=subject.label,
            sizes=[_size(folder, n_atoms, seconds) for n_atoms in sizes],
            ranks=list(_ranks(subject, launcher, rank_atoms, folder)),
            dft=list(_dft(snapshots, folder)),
        )


def _size(folder: Path, n_atoms: int, seconds: float) -> Row:
    """Time one cell in a fresh process: its memory is its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found = pool.submit(_benchmark, folder / MODEL, n_atoms, seconds).result()
    log.info("%d atoms: %.3g points/s", found["atoms"], found["mean"]["points_per_second"])
    return {"atoms": found["atoms"], "points": prod(found["mesh_shape"]), **found["mean"]}


def _benchmark(model: Path, n_atoms: int, seconds: float) -> Row:
    return benchmark_inference(Subject.load(model), n_atoms, seconds, kinds=("mean",))


def _ranks(subject: Subject, launcher: Launcher, n_atoms: int, folder: Path) -> Iterator[Row]:
    if launcher.ranks == 1:
        return  # one rank is no curve
    structure = subject.crystal(n_atoms)
    write_structure(folder / "crystal.h5", structure)
    for count in takewhile(lambda count: count <= launcher.ranks, (2**k for k in range(64))):
        words = launcher.with_ranks(count).words if count > 1 else ()
        options = ["--shard", "0/1", "--ranks", str(count)]
        job = _predict(folder, words, folder / "crystal.h5", options)
        log.info("%d ranks: %.3g points/s", count, job.points_per_second)
        yield {
            "ranks": count,
            "atoms": len(structure),
            "points": job.points,
            "points_per_second": job.points_per_second,
            "wall_s": job.wall_s,
            "cpu_s": job.cpu_s,
            "peak_rss_bytes": job.peak_rss_bytes,
        }


def _dft(snapshots: Sequence[str | Path], folder: Path) -> Iterator[Row]:
    groups: dict[tuple[str, int, str], list[Entry]] = {}
    for path in find_snapshots(snapshots):
        entry = read_entry(path)
        if entry.accepted and entry.core_hours > 0.0:  # not NaN either
            key = (str(entry.record.get("engine", "")), len(entry.structure), entry.kpoint_setting)
            groups.setdefault(key, []).append(entry)
    for (engine, atoms, kpoints), entries in sorted(groups.items()):
        first = entries[0]
        spacing = float(Mesh(first.mesh, first.structure.cell).spacing.max())
        options = ["--mesh-spacing-bohr", repr(spacing), "--direct", "--unscaled"]
        job = _predict(folder, [], first.path, options)
        yield {
            "engine": engine,
            "atoms": atoms,
            "kpoints": kpoints,
            "snapshots": len(entries),
            "dft_core_s": 3600.0 * median(entry.core_hours for entry in entries),
            "mesh_spacing_bohr": spacing,
            "points": job.points,
            "whole_s": job.wall_s,
            "whole_cpu_s": job.cpu_s,
            "points_s": job.points / job.points_per_second,
        }


@dataclass(frozen=True)
class _Job:
    """A finished prediction: of all its processes together, but for the memory of the largest."""

    points: int
    points_per_second: float
    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


def _predict(
    folder: Path, launcher: Sequence[str], structure: Path, options: Sequence[str]
) -> _Job:
    """Run ``rhocast predict`` to its end."""
    program = Path(sys.executable).with_name("rhocast")
    command = [*launcher, program, "predict", folder / MODEL, structure, *options]
    command += ["-o", folder / "field.h5"]
    words = [str(word) for word in command]
    log_file = folder / "predict.log"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    with log_file.open("w") as stream:
        process = subprocess.Popen(words, stdout=stream, stderr=stream, env=environment)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - start
    text = log_file.read_text(encoding="utf-8", errors="replace")
    finished = _PROGRESS.search(text)
    if process.returncode != 0 or finished is None:
        raise ParallelError(
            f"{' '.join(words)} ended with {process.returncode}, expected a prediction: "
            f"{text.strip()[-500:]}"
        )
    unit = 1 if sys.platform == "darwin" else 1024
    return _Job(
        points=int(finished[1]),
        points_per_second=float(finished[2]),
        wall_s=wall_s,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_rss_bytes=unit * used.ru_maxrss,
    )
