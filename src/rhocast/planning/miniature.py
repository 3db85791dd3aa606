"""A miniature of the campaign, timed on this machine with this engine and these settings.

Times are processor time, which other jobs on the machine disturb little.
"""

import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rhocast import config
from rhocast.dynamics.classical import run_classical
from rhocast.dynamics.trajectory import thermal_velocities
from rhocast.engines import (
    Engine,
    Launcher,
    Psp8,
    make_engine,
    resolve_engine,
    resolve_pseudopotentials,
)
from rhocast.engines.calculation import Calculation, dynamics_settings, right_handed
from rhocast.engines.engine import Dynamics
from rhocast.engines.single_point import empty_folder
from rhocast.errors import ConfigError
from rhocast.grid.kpoints import KMesh
from rhocast.planning.finished import finished_runs
from rhocast.planning.learning_costs import time_learning
from rhocast.planning.machine import DYNAMICS, NO_ENGINE, Calibration, subject_of
from rhocast.planning.work import CostLaw, Work
from rhocast.structures import Structure, build_system

log = logging.getLogger(__name__)

#: The atoms of the probes are displaced as at this temperature, K.
_TEMPERATURE_K = 600.0
#: Cells of the lattice in each probe.
_REPEATS = ((1, 1, 1), (2, 1, 1), (2, 2, 1))
#: Probes after the second hold no more valence electrons, so that measuring takes minutes.
_MOST_ELECTRONS = 130
#: k-meshes of one and of four points (k and -k count once) whose wave functions are complex, as
#: most are.
_ONE_KPOINT = KMesh((2, 1, 1), (0.5, 0.5, 0.5))
_FOUR_KPOINTS = KMesh((2, 2, 2), (0.5, 0.5, 0.5))
_MD_STEPS = 6
#: Of the engine, where all densities are imported.
_NO_COSTS: dict[str, Any] = {
    "engine": NO_ENGINE,
    "scf": CostLaw(0.0, (0.0, 0.0)),
    "scf_iterations": 0.0,
}


def calibrate(settings: config.Config, finished: list[Path] | None = None) -> Calibration:
    """Measure a miniature of the campaign on this machine.

    Parameters
    ----------
    settings
        The configuration.
    finished
        Snapshot files of single points that the engine has already done; they are added to those
        of the probes, and make the estimate of large cells safer.

    Raises
    ------
    ConfigError
        If there are finished single points of a campaign that computes none.
    EngineError
        If there is no engine and the campaign needs one, or it fails on the probes.
    """
    pseudopotentials, probes = _material_of(settings)
    with tempfile.TemporaryDirectory(prefix="rhocast-plan-") as folder:
        work = Path(folder)
        engine = _NO_COSTS
        if settings.computes_densities:
            engine = _time_engine(settings, probes, pseudopotentials, work, finished or [])
        elif finished:
            raise ConfigError("--finished: the campaign computes no single points; leave it out")
        log.info("learning and prediction: a small model of %s", probes[-1].formula)
        learning = time_learning(settings, probes[-1], pseudopotentials, work)
    calibration = Calibration(
        subject=subject_of(settings) | dict.fromkeys(DYNAMICS),
        md_iterations=None,
        classical_s=None,
        job_s=_time_start(),
        **engine,
        **learning,
    )
    return complete(calibration, settings)


def complete(calibration: Calibration, settings: config.Config) -> Calibration:
    """Measure the dynamics that a campaign has and a calibration lacks.

    Raises
    ------
    EngineError
        If the engine of the calibration is not there, or fails.
    """
    pseudopotentials, probes = _material_of(settings)
    wanted = subject_of(settings)
    for section in calibration.lacking(settings):
        costs: dict[str, float] = {}
        if section == "classical" and settings.classical is not None:
            costs["classical_s"] = _time_classical(settings.classical, probes[-1], settings.seed)
        if section == "aimd" and settings.aimd is not None:
            engine = make_engine(resolve_engine(calibration.engine))
            costs["md_iterations"] = _time_dynamics(
                engine, settings.dft, settings.aimd, probes[0], pseudopotentials, calibration.scf
            )
        subject = calibration.subject | {section: wanted[section]}
        calibration = replace(calibration, subject=subject, **costs)  # type: ignore[arg-type]
    return calibration


def _material_of(settings: config.Config) -> tuple[Mapping[str, Psp8], list[Structure]]:
    """Return pseudopotentials and those probes that are small enough."""
    pseudopotentials = resolve_pseudopotentials(
        settings.material.pseudopotentials, settings.dft.functional
    )
    valence = {element: file.valence for element, file in pseudopotentials.items()}
    probes = [
        probe
        for number, probe in enumerate(probe_cells(settings))
        if number < 2 or probe.count_electrons(valence) <= _MOST_ELECTRONS
    ]
    return pseudopotentials, probes


def _time_engine(
    settings: config.Config,
    probes: list[Structure],
    pseudopotentials: Mapping[str, Psp8],
    folder: Path,
    finished: list[Path],
) -> dict[str, Any]:
    """Time single points of the engine."""
    record = resolve_engine(settings.dft.engine)
    engine = make_engine(record)
    law, iterations = _time_scf(engine, settings, probes, pseudopotentials, folder, finished)
    log.info("single points: %d iterations on average", iterations)
    return {"engine": record.name, "scf": law, "scf_iterations": iterations}


def probe_cells(settings: config.Config) -> list[Structure]:
    """Return small cells of the material: those of a few repeats of the lattice.

    A campaign whose cells all come from files is probed with the smallest of them.
    """
    systems = settings.systems.values()
    debye, seed = settings.material.debye_temperature_K, settings.seed
    plain = {"vacancies": 0, "strain": 0.0, "temperature_K": _TEMPERATURE_K}
    for system in systems:
        if system.lattice is not None:
            return [build_system(bulk(system, repeat, **plain), debye, seed) for repeat in _REPEATS]
    predicted = settings.prediction.cells  # large ones, as a rule
    small = [system for name, system in settings.systems.items() if name not in predicted]
    structures = [
        build_system(system.model_copy(update={"temperature_K": _TEMPERATURE_K}), debye, seed)
        for system in small or systems
    ]
    return [min(structures, key=len)]


def bulk(system: config.System, repeat: tuple[int, int, int], **changes: Any) -> config.System:
    """Return the perfect crystal that a system is made of, in a cell of its own."""
    kept = {
        "lattice", "lattice_constant_bohr", "c_over_a", "axes", "composition", "strain",
        "temperature_K",
    }  # fmt: skip
    data = {key: value for key, value in system.model_dump().items() if key in kept}
    return config.System.model_validate(data | {"repeat": repeat} | changes)


def _time_scf(
    engine: Engine,
    settings: config.Config,
    probes: list[Structure],
    pseudopotentials: Mapping[str, Psp8],
    folder: Path,
    finished: list[Path],
) -> tuple[CostLaw, float]:
    """Run every probe at one k-point, the first at four; fit the law, finished runs included."""
    works, iterations, seconds = [], [], []
    runs = [(probes[0], _FOUR_KPOINTS), *((probe, _ONE_KPOINT) for probe in probes)]
    for number, (probe, kpoints) in enumerate(runs):
        log.info("cell %d of %d: %s, k-points %s", number + 1, len(runs), probe.formula, kpoints)
        calculation = _plan(probe, settings.dft, pseudopotentials, kpoints)
        with _core_seconds() as spent:
            point = engine.single_point(
                calculation, Launcher(), empty_folder(folder / f"scf-{number}")
            )
        works.append(Work.of(calculation, engine.record.name))
        iterations.append(point.scf_iterations)
        seconds.append(spent[0])
        log.info("%s: %d iterations, %.1f s", probe.formula, point.scf_iterations, spent[0])
    own = float(np.mean(iterations))
    for work, count, spent_s in finished_runs(finished, settings, engine.record.name):
        works.append(work)
        iterations.append(count)
        seconds.append(spent_s)
    return CostLaw.fit(works, iterations, seconds), own


def _plan(
    structure: Structure, dft: config.Dft, pseudopotentials: Mapping[str, Psp8], kpoints: KMesh
) -> Calculation:
    turned, _ = right_handed(structure)
    return Calculation.plan(turned, dft, pseudopotentials, kpoints=kpoints)


def _time_dynamics(
    engine: Engine,
    dft: config.Dft,
    aimd: config.Aimd,
    probe: Structure,
    pseudopotentials: Mapping[str, Psp8],
    law: CostLaw,
) -> float:
    """Return how many iterations of a single point a step of the dynamics costs."""
    calculation = _plan(probe, dynamics_settings(dft, aimd), pseudopotentials, _ONE_KPOINT)
    dynamics = Dynamics(
        velocities=thermal_velocities(probe, _TEMPERATURE_K, seed=0),
        temperature_K=_TEMPERATURE_K,
        timestep_fs=aimd.timestep_fs,
        thermostat_time_fs=aimd.thermostat_time_fs,
        n_steps=_MD_STEPS,
    )
    with tempfile.TemporaryDirectory(prefix="rhocast-plan-") as folder, _core_seconds() as spent:
        engine.molecular_dynamics(calculation, dynamics, Launcher(), Path(folder))
    work = Work.of(calculation, engine.record.name)
    one = law.seconds(work, 1.0) - law.start_s
    iterations = max(1.0, (spent[0] - law.start_s) / one / (_MD_STEPS + 1))
    log.info("dynamics: a step costs %.1f iterations", iterations)
    return iterations


def _time_classical(classical: config.Classical, probe: Structure, seed: int) -> float:
    """Core seconds of a step of the classical dynamics, per atom."""
    steps = 20
    short = classical.model_copy(update={"equilibration_steps": steps, "liquid_from_K": None})
    start = time.process_time()
    run_classical(probe, short, temperature_K=_TEMPERATURE_K, frames=1, seed=seed)
    return (time.process_time() - start) / steps / len(probe)


def _time_start() -> float:
    """Core seconds that a job needs before its work begins: the interpreter and its imports."""
    with _core_seconds() as spent:
        subprocess.run(
            [sys.executable, "-c", "import rhocast.learning, rhocast.engines"],
            check=True,
            capture_output=True,
        )
    return spent[0]


@contextmanager
def _core_seconds() -> Iterator[list[float]]:
    """Give a list that holds the processor time of ended child processes after the block."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    start, found = spent(), [0.0]
    yield found
    found[0] = spent() - start
