"""Which keys of the configuration determine each result.

A result's *determinants* are a flat mapping of dotted keys of the configuration (``dft.cutoff_ha``)
to values. Those of a result that is made from others hold theirs, so a changed key changes the
determinants of everything that depends on it, and of nothing else. Keys that another key overrides
or that a result does not use are not among them. Defaults are left out: a key that a later version
adds changes no determinants. Files stand for their content (SHA-256), not for their path. How long
a trajectory is does not belong to it: more frames change no determinants of those that are there.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from rhocast.config import Config, Dft, Motion, Section, System, Training

#: Determinants: values as JSON has them, by dotted key.
Determinants = dict[str, Any]

P = ParamSpec("P")

#: Overrides of the dynamics: where ``aimd`` has the key, that of ``dft`` is not used.
OVERRIDES = ("cutoff_ha", "mesh_spacing_bohr", "kpoint_spacing_per_bohr", "kpoint_shift")

#: Keys that each engine does not use, as the beginnings of dotted keys.
UNUSED_BY = {
    "abinit": ("dft.sparc.", "aimd.mesh_spacing_bohr"),
    "sparc": ("dft.abinit.", "dft.cutoff_ha", "aimd.cutoff_ha"),
}


def _in_order(method: Callable[P, Determinants]) -> Callable[P, Determinants]:
    """Sort determinants by key: Snakemake compares params as text."""

    @wraps(method)
    def ordered(*args: P.args, **kwargs: P.kwargs) -> Determinants:
        return dict(sorted(method(*args, **kwargs).items()))

    return ordered


class Determined:
    """What determines the results of one configuration.

    Parameters
    ----------
    config
        The configuration. If ``dft.engine`` names an engine, keys of the other one do not count.
    species
        Elements of the systems that are read from files, by system; others are in the
        configuration.
    """

    def __init__(self, config: Config, species: Mapping[str, Iterable[str]] | None = None) -> None:
        self._config = config
        self._species = {name: sorted(elements) for name, elements in (species or {}).items()}
        self._sums: dict[str, str] = {}

    @_in_order
    def structure(self, system: str) -> Determinants:
        """Return what determines a cell of ``systems``."""
        return self._cell(system, self._config.systems[system])

    @_in_order
    def study_structure(self) -> Determinants:
        """Return what determines the cell of the convergence study."""
        study = self._study
        return self._cell(study.system, study.cell(self._config.systems))

    @_in_order
    def trajectory(self, system: str, temperature_K: int) -> Determinants:
        """Return what determines a trajectory, except its length, or how frames are drawn."""
        sampler = self._config.sampler(system, temperature_K)
        moved: Determinants = {}
        if sampler == "aimd":
            moved = self._aimd(system)
        elif sampler == "classical":
            moved = self._classical(temperature_K)
        elif sampler == "springs":
            moved = self._debye
        return self.structure(system) | moved | {"sampler": sampler} | self._seed

    @_in_order
    def frame(self, system: str, temperature_K: int) -> Determinants:
        """Return what determines a frame: its trajectory and, if it is chosen, of how many."""
        found = self.trajectory(system, temperature_K)
        if dataset := self._config.chosen_in(system, temperature_K):
            pool = self._config.pools(dataset)[system, temperature_K]
            found[f"datasets.{dataset}.pool.{system}.{temperature_K}K"] = pool
        return found

    @_in_order
    def density(self, system: str, temperature_K: int) -> Determinants:
        """Return what determines the density of a frame."""
        return self.frame(system, temperature_K) | self._single_point(self._config.dft, system)

    @_in_order
    def study_density(self, point: str) -> Determinants:
        """Return what determines a single point of the convergence study."""
        study = self._study
        dft = study.settings(point, self._config.dft)
        seed = self._seed if dft.draws_kpoint_shift else {}
        return self.study_structure() | self._single_point(dft, study.system) | seed

    @_in_order
    def choices(self, dataset: str) -> Determinants:
        """Return what determines the table of chosen frames.

        The base model is not among it: what has been chosen has been computed.
        """
        return _union(self.frame(*run) for run in self._config.pools(dataset)) | self._seed

    @_in_order
    def densities(self, dataset: str) -> Determinants:
        """Return what determines the densities of a dataset, and which they are."""
        runs = sorted(self._config.trajectories(dataset))
        names = self._config.snapshots(dataset)
        return _union(self.density(*run) for run in runs) | {f"datasets.{dataset}": names}

    @_in_order
    def features(self, dataset: str) -> Determinants:
        """Return what determines the features of a dataset."""
        config = self._config
        return (
            self.densities(dataset)
            | section_keys("features", config.features)
            | section_keys("descriptor", config.descriptor)
            | (section_keys("baseline", config.baseline) if config.baseline else {})
            | self._pseudopotentials(config.material.pseudopotentials)
            | self._seed
        )

    @_in_order
    def base_model(self) -> Determinants:
        """Return what determines the base model; with a goal, all rounds and when they end."""
        training, goal = self._config.training, self._config.goal
        return (
            self.features(training.dataset)
            | (section_keys("goal", goal) if goal else {})
            | section_keys("network", self._config.network)
            | _schedule("training", training)
        )

    @_in_order
    def transferred_model(self) -> Determinants:
        """Return what determines the transferred model."""
        transfer = self._config.transfer
        return self.base_model() | self.features(transfer.dataset) | _schedule("transfer", transfer)

    def chosen_model(self) -> Determinants:
        """Return what determines the better of both models: also what they are judged on."""
        return self.evaluation(self._config.evaluation[0])

    @_in_order
    def field(self, cell: str) -> Determinants:
        """Return what determines a predicted field; into how many shards it is cut does not."""
        keys = section_keys("prediction", self._config.prediction)
        wanted = {"prediction.mesh_spacing_bohr", "prediction.uncertainty"}
        if self._config.prediction.uncertainty == "sampled":
            wanted.add("prediction.samples")
        found = self.chosen_model() | self.structure(cell) | self._seed
        return found | {key: value for key, value in keys.items() if key in wanted}

    @_in_order
    def evaluation(self, dataset: str) -> Determinants:
        """Return what determines the errors on a dataset."""
        prediction = self._config.prediction
        found = self.transferred_model() | self.densities(dataset)
        found["prediction.uncertainty"] = prediction.evaluated_uncertainty
        if prediction.evaluated_uncertainty == "sampled":
            found |= {"prediction.samples": prediction.samples}
        return found

    @property
    def _seed(self) -> Determinants:
        return {"seed": self._config.seed}

    @property
    def _study(self) -> Any:
        assert self._config.convergence is not None  # no rule of the study without it
        return self._config.convergence

    def _cell(self, name: str, system: System) -> Determinants:
        prefix = f"systems.{name}"
        found = section_keys(prefix, system)
        if system.composition is not None:  # the order of the elements matters
            found = {k: v for k, v in found.items() if not k.startswith(f"{prefix}.composition.")}
            found[f"{prefix}.composition"] = [[e, share] for e, share in system.composition.items()]
        if system.file is not None:
            found[f"{prefix}.file"] = self._sum(system.file)
        if is_random(system):
            found |= self._seed
        if system.temperature_K is not None:
            found |= self._debye
        return found

    @property
    def _debye(self) -> Determinants:
        return {"material.debye_temperature_K": self._config.material.debye_temperature_K}

    def _aimd(self, system: str) -> Determinants:
        aimd = self._config.aimd
        assert aimd is not None  # `Config` has checked it
        overridden = {f"dft.{key}" for key in OVERRIDES if getattr(aimd, key) is not None}
        overridden.add("dft.scf_tolerance")
        dft = self._single_point(self._config.dft, system)
        dft = {key: value for key, value in dft.items() if key not in overridden}
        # Atoms start displaced as at the temperature.
        found = dft | _motion("aimd", aimd) | self._debye
        return used_by(self._config.dft.engine, found, density=False)

    def _classical(self, temperature_K: int) -> Determinants:
        classical = self._config.classical
        assert classical is not None  # `Config` has checked it
        found = _motion("classical", classical)
        melts = classical.liquid_from_K is not None and temperature_K >= classical.liquid_from_K
        unused = {"classical.liquid_from_K"} | (set() if melts else {"classical.melting_K"})
        return {key: value for key, value in found.items() if key not in unused}

    def _single_point(self, dft: Dft, system: str) -> Determinants:
        own = dft.model_copy(update={"engine": "auto"})  # settled once, in engine.json
        found = section_keys("dft", own) | self._pseudopotentials(self.elements(system))
        return used_by(self._config.dft.engine, found)

    def elements(self, system: str) -> Iterable[str]:
        """Return the elements of a system; those of a file whose species were not given, all."""
        composition = self._config.systems[system].composition
        return composition or self._species.get(system) or self._config.material.pseudopotentials

    def _pseudopotentials(self, elements: Iterable[str]) -> Determinants:
        files = self._config.material.pseudopotentials
        return {
            f"material.pseudopotentials.{element}": (
                files[element] if files[element] == "spms" else self._sum(files[element])
            )
            for element in elements
        }

    def _sum(self, path: str) -> str:
        if path not in self._sums:
            with Path(path).open("rb") as file:
                self._sums[path] = f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
        return self._sums[path]


def is_random(system: System) -> bool:
    """Say whether a cell depends on the seed."""
    several = system.composition is not None and len(system.composition) > 1
    mixed = (several and not system.is_compound) or system.shared_sites is not None
    return mixed or bool(system.vacancies) or system.temperature_K is not None


def used_by(engine: str, determinants: Determinants, density: bool = True) -> Determinants:
    """Leave out the keys that an engine does not use; of an engine ``auto`` all count.

    Parameters
    ----------
    engine
        ``abinit``, ``sparc`` or ``auto``.
    determinants
        By dotted key.
    density
        Whether a density is stored. ABINIT's dynamics stores none, and has no use for a mesh.
    """
    unused = UNUSED_BY.get(engine, ())
    if engine == "abinit" and not density:
        unused += ("dft.mesh_spacing_bohr",)
    return {key: value for key, value in determinants.items() if not key.startswith(unused)}


def section_keys(prefix: str, section: Section) -> Determinants:
    """Return the keys of a section that are not the default, by dotted key."""
    data = section.model_dump(mode="json", exclude_defaults=True)
    return dict(_flat(prefix, json.loads(json.dumps(data))))


def _flat(prefix: str, data: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(data, dict):
        yield prefix, data
        return
    for key, value in data.items():
        yield from _flat(f"{prefix}.{key}", value)


def _motion(prefix: str, motion: Motion) -> Determinants:
    """Return the keys of a run; the largest distance of frames matters only if they are spread."""
    found = section_keys(prefix, motion)
    if motion.correlated_frames == "accept":
        found.pop(f"{prefix}.max_steps_between_frames", None)
    return found


def _schedule(prefix: str, schedule: Training) -> Determinants:
    """Return the keys of a training; a share is not used where what is held back is named."""
    found = section_keys(prefix, schedule)
    if schedule.validation_trajectories:
        found.pop(f"{prefix}.validation_share", None)
    return found


def _union(parts: Iterable[Determinants]) -> Determinants:
    found: Determinants = {}
    for part in parts:
        found |= part
    return found
