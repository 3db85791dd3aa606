"""Core hours, memory and disk of a campaign, stage by stage."""

import logging
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.config.convergence import OWN
from rhocast.descriptors import reach_bohr
from rhocast.dynamics import n_steps
from rhocast.dynamics.correlation import RUN_PER_MEMORY
from rhocast.engines import Psp8, resolve_pseudopotentials
from rhocast.engines.calculation import (
    Calculation,
    dynamics_kpoint_seed,
    dynamics_settings,
    right_handed,
)
from rhocast.errors import ConfigError
from rhocast.fields import DENSITY_FIELDS, MESH
from rhocast.grid import Mesh
from rhocast.inference.options import FIELDS
from rhocast.inference.rank_memory import rank_bytes
from rhocast.inference.spacing import DEFAULT_SPACING_BOHR, evaluation_spacing
from rhocast.model import DensityModel
from rhocast.planning.machine import Calibration
from rhocast.planning.miniature import bulk
from rhocast.planning.stages import BYTES_OF_JOB, Job, Stage
from rhocast.planning.work import Work, memory_bytes
from rhocast.structures import Structure, build_system

log = logging.getLogger(__name__)

#: Cells of more repeats than this are counted, not built.
_BUILT_REPEATS = 2000
#: What a campaign predicts with, in the folder of its models.
_MODEL = "chosen.safetensors"
#: Text of an atom in a frame of a trajectory.
_BYTES_PER_ATOM_AND_FRAME = 170
#: What training holds for each point: targets and indices; features are read where they are needed.
_BYTES_PER_LEARNT_POINT = 60
#: Reading, scaling and writing a predicted number once.
_MERGE_S_PER_NUMBER = 3e-8
#: Building a cell and writing it.
_BUILD_S_PER_ATOM = 5e-5
#: Points of which a picture is drawn, and the errors measured, in core seconds of a job.
_PICTURE_S = 3.0


def estimate(settings: config.Config, calibration: Calibration) -> list[Stage]:
    """Estimate the cost of every stage of a campaign.

    Core hours are wall time times cores, as in snapshot files, verdicts of rounds and the summary.
    They do not depend on the ranks: that the engine's ranks are used well is left to the user. They
    are measured as the processor time of single ranks, which is their wall time on a core of their
    own; other programs on the machine do not count. Single points that are rejected and done again
    are not counted.
    """
    campaign = _Campaign(settings, calibration)
    stages = {
        "structure": campaign.structures(),
        "converge_point": campaign.study(),
        "aimd": campaign.dynamics("aimd"),
        "classical": campaign.dynamics("classical"),
        "snapshots": campaign.frames(),
        "scf": campaign.single_points(),
        "features": campaign.features(),
        "train": [campaign.training(part.training) for part in rounds_of(settings)],
        "transfer": [campaign.training(part.transfer) for part in rounds_of(settings)],
        "evaluate": campaign.evaluations(),
        "predict": campaign.predictions(),
        "merge": campaign.merges(),
        "figures": [campaign.job(_PICTURE_S) for _ in settings.prediction.cells],
    }
    return [Stage.of(name, jobs) for name, jobs in stages.items() if jobs]


def rounds_of(settings: config.Config) -> list[config.Config]:
    """Return the campaign of each round; without a goal the whole campaign alone."""
    goal = settings.goal
    return [settings.of_round(n + 1) for n in range(len(goal.rounds))] if goal else [settings]


class _Campaign:
    """The jobs of a configuration, each with its cost."""

    def __init__(self, settings: config.Config, calibration: Calibration) -> None:
        self._settings = settings
        self._calibration = calibration
        self._pseudopotentials = resolve_pseudopotentials(
            settings.material.pseudopotentials, settings.dft.functional
        )
        self._structure = cache(self._build)
        self._mesh = cache(self._density_mesh)
        self._trajectories = sorted(
            {key for name in settings.datasets for key in settings.trajectories(name)}
        )

    def job(self, seconds: float, memory: float = 0.0, disk: float = 0.0) -> Job:
        """Return a job of so much work besides its start."""
        return Job(self._calibration.job_s + seconds, BYTES_OF_JOB + memory, disk)

    def structures(self) -> list[Job]:
        used = set(self._settings.prediction.cells)
        used |= {run[0] for run in self._trajectories if self._settings.sampler(*run) != "imported"}
        atoms = [self._extent(name)[0] for name in sorted(used)]
        return [self.job(_BUILD_S_PER_ATOM * n, 1500.0 * n, 100.0 * n) for n in atoms]

    def study(self) -> list[Job]:
        study, dft = self._settings.convergence, self._settings.dft
        if study is None:
            return []
        points = [study.settings(point, dft) for point in (OWN, *study.points())]
        seed = self._settings.kpoint_seed("convergence")
        return [self._single_point(study.system, point, seed) for point in points]

    def dynamics(self, sampler: str) -> list[Job]:
        run = self._aimd if sampler == "aimd" else self._classical
        return [
            run(system, temperature)
            for system, temperature in self._trajectories
            if self._settings.sampler(system, temperature) == sampler
        ]

    def frames(self) -> list[Job]:
        return [self.job(0.5) for _ in self._snapshots()]

    def single_points(self) -> list[Job]:
        settings = self._settings
        return [
            self._single_point(system, settings.dft, settings.kpoint_seed(name))
            for system, name in self._snapshots()
        ]

    def features(self) -> list[Job]:
        return [
            self.job(
                self._calibration.features_s * points,
                3.0 * self._bytes_of(points),
                self._bytes_of(points),
            )
            for points in map(self._points_of, self._learnt())
        ]

    def training(self, schedule: config.Training) -> Job:
        points = self._points_of(schedule.dataset)
        batch = min(schedule.batch_size, points)
        return self.job(
            schedule.steps * batch * self._calibration.training_s,
            _BYTES_PER_LEARNT_POINT * points + self._bytes_of(batch),
            3e5,
        )

    def evaluations(self) -> list[Job]:
        jobs = []
        settings = self._settings
        times = len(rounds_of(settings)) + (settings.goal is not None)  # each round, the end
        for dataset in settings.evaluation * times:
            systems = [s.system for s in self._sources(dataset) for _ in range(s.frames)]
            points = sum(self._mesh(system).n_points for system in systems)
            seconds = 2.0 * points * self._calibration.evaluation_s + _PICTURE_S  # two models
            jobs.append(self.job(seconds, 40.0 * points))
        return jobs

    def predictions(self) -> list[Job]:
        shards = self._settings.prediction.shards
        fields = FIELDS[self._settings.prediction.uncertainty]
        jobs = []
        for name in self._settings.prediction.cells:
            atoms, cell = self._extent(name)
            mesh = Mesh.with_spacing(cell, self._spacings[0])
            seconds = mesh.n_points * self._calibration.prediction_s / shards
            # Without the kernels, which need less: they may not be where the job will run.
            memory = rank_bytes(
                cell, mesh.shape, atoms, len(fields), self._reach_bohr, compiled=False
            )
            jobs += [Job(self._calibration.job_s + seconds, memory) for _ in range(shards)]
        return jobs

    def merges(self) -> list[Job]:
        sizes = self._bytes_of_stored_numbers()
        cells = self._settings.prediction.cells
        points = [self._points(name, self._spacings[1]) for name in cells]
        return [
            self.job(_MERGE_S_PER_NUMBER * len(sizes) * n, 0.0, float(sum(sizes) * n))
            for n in points
        ]

    def _single_point(self, system: str, dft: config.Dft, kpoint_seed: int | None) -> Job:
        calculation = self._calculation(system, dft, kpoint_seed)
        work = Work.of(calculation, self._calibration.engine)
        seconds = self._calibration.scf.seconds(work, self._calibration.scf_iterations)
        return self.job(
            seconds,
            memory_bytes(calculation, self._calibration.engine),
            4.0 * calculation.mesh.n_points + 1e4,
        )

    def _aimd(self, system: str, temperature_K: int) -> Job:
        settings = self._settings
        assert settings.aimd is not None  # the configuration has been checked
        steps = n_steps(settings.aimd, settings.candidates(system, temperature_K))
        calculation = self._calculation(
            system,
            dynamics_settings(settings.dft, settings.aimd),
            dynamics_kpoint_seed(config.seed_for(settings.seed, "aimd", system, temperature_K)),
        )
        work = Work.of(calculation, self._calibration.engine)
        per_step = _measured(self._calibration.md_iterations, "aimd")
        seconds = self._calibration.scf.seconds(work, (steps + 1) * per_step)
        atoms = len(calculation.structure)
        return self.job(
            seconds,
            memory_bytes(calculation, self._calibration.engine),
            _BYTES_PER_ATOM_AND_FRAME * atoms * (steps + 1),
        )

    def _classical(self, system: str, temperature_K: int) -> Job:
        classical = self._settings.classical
        assert classical is not None  # the configuration has been checked
        frames = self._settings.candidates(system, temperature_K)
        steps = n_steps(classical, frames)
        if frames > 1 and classical.correlated_frames == "spread":
            judged = RUN_PER_MEMORY * classical.steps_between_frames
            steps = max(steps, classical.equilibration_steps + judged)
        if classical.liquid_from_K is not None and temperature_K >= classical.liquid_from_K:
            steps += classical.equilibration_steps
        atoms = len(self._structure(system))
        return self.job(
            steps * atoms * _measured(self._calibration.classical_s, "classical"),
            0.0,
            _BYTES_PER_ATOM_AND_FRAME * atoms * (steps + 1),
        )

    def _calculation(self, system: str, dft: config.Dft, kpoint_seed: int | None) -> Calculation:
        structure, _ = right_handed(self._structure(system))
        files: Mapping[str, Psp8] = self._pseudopotentials
        return Calculation.plan(structure, dft, files, kpoint_seed)

    def _build(self, name: str) -> Structure:
        """Return a cell of the right size; its atoms need not be displaced."""
        settings = self._settings
        system = settings.systems[name].model_copy(update={"temperature_K": None})
        return build_system(
            system,
            settings.material.debye_temperature_K,
            config.seed_for(settings.seed, "structure", name),
        )

    def _extent(self, name: str) -> tuple[int, np.ndarray]:
        """Return number of atoms and cell; a perfect crystal of millions of atoms is not built."""
        system = self._settings.systems[name]
        repeats = int(np.prod(system.repeat))
        if system.file is not None or repeats <= _BUILT_REPEATS:
            structure = self._structure(name)
            return len(structure), structure.cell
        unit = build_system(bulk(system, (1, 1, 1), temperature_K=None), 1.0, 0)
        return len(unit) * repeats, unit.cell * np.array(system.repeat)[:, None]

    def _density_mesh(self, name: str) -> Mesh:
        return Mesh.with_spacing(self._structure(name).cell, self._settings.dft.mesh_spacing_bohr)

    @cached_property
    def _spacings(self) -> tuple[float, float]:
        """Spacings of the meshes that the model is evaluated on, and that fields are given on.

        A model that is there already, and certified, is evaluated on no finer mesh than it needs.
        """
        asked = self._settings.prediction.mesh_spacing_bohr
        path = Path(self._settings.results, "models", self._settings.name, _MODEL)
        if path.is_file():
            evaluated = evaluation_spacing(DensityModel.load(path), asked)
        else:
            evaluated = asked or DEFAULT_SPACING_BOHR
        return evaluated, asked or evaluated

    @property
    def _reach_bohr(self) -> float:
        """How far from its points the model of the campaign must be given all atoms, Bohr."""
        settings = self._settings
        return reach_bohr(settings.descriptor, settings.baseline, tuple(self._pseudopotentials))

    def _points(self, name: str, spacing_bohr: float) -> int:
        return Mesh.with_spacing(self._extent(name)[1], spacing_bohr).n_points

    def _bytes_of_stored_numbers(self) -> list[int]:
        """Return the sizes of the numbers that a prediction stores at each point."""
        stored = [np.dtype(f.dtype).itemsize for f in DENSITY_FIELDS.values() if f.shape == MESH]
        return stored[:1] if self._settings.prediction.uncertainty == "none" else stored

    def _snapshots(self) -> Iterator[tuple[str, str]]:
        """Yield the system and the name of each snapshot."""
        for system, temperature in self._trajectories:
            if self._settings.sampler(system, temperature) == "imported":
                continue
            for frame in range(self._settings.frames(system, temperature)):
                yield system, f"{system}/{temperature}K/{frame}"

    def _sources(self, dataset: str) -> Iterator[config.Source]:
        for source in self._settings.datasets[dataset]:
            for _ in source.temperatures_K:
                yield source

    def _learnt(self) -> list[str]:
        rounds = rounds_of(self._settings)
        return sorted(
            {name for part in rounds for name in (part.training.dataset, part.transfer.dataset)}
        )

    def _points_of(self, dataset: str) -> int:
        wanted = self._settings.features.points_per_snapshot
        return sum(
            source.frames * min(wanted, self._mesh(source.system).n_points)
            for source in self._sources(dataset)
        )

    def _bytes_of(self, points: int) -> float:
        return 4.0 * points * (self._calibration.n_features + 1)


def _measured(cost: float | None, section: str) -> float:
    """Return the cost of dynamics, or refuse one that is not there."""
    if cost is None:
        raise ConfigError(
            f"{section}: the calibration has measured no such dynamics; measure it anew for this "
            "configuration"
        )
    return cost
