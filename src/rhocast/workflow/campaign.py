"""A campaign as the rules see it: what jobs are given, what determines their results.

`rules/` asks this module for paths, params and inputs; it decides nothing itself.
"""

import json
from pathlib import Path
from typing import Any

from rhocast.config import Aimd, Classical, Config, Dft, Section, Training, seed_for
from rhocast.config.studies import OWN
from rhocast.errors import ConfigError
from rhocast.structures import read_structure
from rhocast.structures.shared_sites import read_shared_sites
from rhocast.workflow.determinants import OVERRIDES, Determined, is_random
from rhocast.workflow.paths import Paths
from rhocast.workflow.unmeasured import unmeasured


class Campaign(Paths):
    """The rules' view of a configuration.

    Parameters
    ----------
    config
        The configuration.
    file
        Where it was read from.
    """

    def __init__(self, config: Config, file: str | Path = "config.yaml") -> None:
        super().__init__(config, file)
        self.determined = Determined(config, _species(config))
        #: The campaign of each round, if there is a goal: what `goal.rounds` puts in the place of
        #: `training.dataset`.
        self.rounds: list[Campaign] = []
        if config.goal is not None:
            numbers = range(1, len(config.goal.rounds) + 1)
            self.rounds = [Campaign(config.of_round(number), file) for number in numbers]

    def training_densities(self) -> list[str]:
        """Return the snapshot files that the models are trained on, those of all rounds."""
        campaigns = self.rounds or [self]
        sections = [(c, s) for c in campaigns for s in (c.config.training, c.config.transfer)]
        return sorted({path for c, s in sections for path in c.densities_of(s.dataset)})

    def like_added(self, number: int) -> list[str]:
        """Return the densities of a round that are like those that the next round adds.

        They are of the same cells, by the configuration, and tell what the next round costs. All
        that is trained on stands for them after the last round, and where no cell is the same.
        """
        return [self.results(f"densities/{name}.h5") for name in self._like_added(number)]

    def dynamics_like_added(self, number: int) -> list[str]:
        """Return the trajectories that those densities are taken from; springs have none."""
        runs = {tuple(name.split("/")[:2]) for name in self._like_added(number)}
        own = self.rounds[number - 1]
        return [own.run_of(*run) for run in own.moving_runs() if (run[0], f"{run[1]}K") in runs]

    def _like_added(self, number: int) -> list[str]:
        config = self.rounds[number - 1].config
        trained = {
            n for s in (config.training, config.transfer) for n in config.snapshots(s.dataset)
        }
        if number == len(self.rounds):
            return sorted(trained)
        added = set(
            self.rounds[number].config.snapshots(self.rounds[number].config.training.dataset)
        )
        cells = [self.config.systems[name.split("/")[0]] for name in added - trained]
        alike = [name for name in trained if self.config.systems[name.split("/")[0]] in cells]
        return sorted(alike or trained)

    # What jobs are given

    def sampling_of(self, system: str, temperature_K: str | int) -> Aimd | Classical:
        """Return the section of the configuration that a trajectory follows."""
        sampler = self.config.sampler(system, int(temperature_K))
        section = self.config.aimd if sampler == "aimd" else self.config.classical
        assert section is not None  # `Config` has checked it
        return section

    def structure_params(self, system: str) -> dict[str, Any]:
        """Return Debye temperature (K) and seed of a cell; zero where it does not use them."""
        section = self.config.systems[system]
        thermal = section.temperature_K is not None
        return {
            "debye_temperature_K": self.config.material.debye_temperature_K if thermal else 0.0,
            "seed": seed_for(self.config.seed, "structure", system) if is_random(section) else 0,
        }

    def single_point_settings(
        self, dft: Dft, system: str, snapshot: str | None = None
    ) -> dict[str, Any]:
        """Return settings of DFT, without the engine's name, and a system's pseudopotentials.

        Where shifts of the k-mesh are drawn, the snapshot's seed of it is among them.
        """
        files = self.config.material.pseudopotentials
        used = {element: files[element] for element in self.determined.elements(system)}
        own = dft.model_copy(update={"engine": "auto"})
        settings = {"dft": slice_of(own), "material": {"pseudopotentials": used}}
        seed = None if snapshot is None else self.config.kpoint_seed(snapshot)
        return settings if seed is None else settings | {"kpoint_seed": seed}

    def trajectory_settings(self, system: str, temperature_K: str | int) -> dict[str, Any]:
        """Return what a trajectory is computed with, or frames without one are drawn with."""
        sampler = self.config.sampler(system, int(temperature_K))
        if sampler == "springs":
            seed = seed_for(self.config.seed, "springs", system, temperature_K)
            debye = self.config.material.debye_temperature_K
            on_lattice = self.config.systems[system].has_ideal_sites
            own = {"debye_temperature_K": debye, "on_lattice": on_lattice, "seed": seed}
            return {"springs": own}
        if sampler == "classical":
            section = self.sampling_of(system, temperature_K)
            return {"classical": {"correlated_frames": "spread"} | slice_of(section)}
        aimd = self.config.aimd
        assert aimd is not None  # `Config` has checked it
        settings = self.single_point_settings(self.config.dft, system) | {"aimd": slice_of(aimd)}
        settings["material"]["debye_temperature_K"] = self.config.material.debye_temperature_K
        own = {key: getattr(aimd, key) for key in OVERRIDES if getattr(aimd, key) is not None}
        settings["dft"] = settings["dft"] | own
        return settings

    def pools_of(self, dataset: str) -> list[tuple[str, int]]:
        """Return the trajectories that the base model chooses a dataset's frames of."""
        return list(self.config.pools(dataset))

    def pool_settings(self, dataset: str) -> list[dict[str, Any]]:
        """Return what `acquire` has to know of each of these trajectories."""
        return [
            {"source": f"{system}/{temperature}K", "pool": pool}
            | self.trajectory_settings(system, temperature)
            for (system, temperature), pool in self.config.pools(dataset).items()
        ]

    def study_dft(self) -> dict[str, Any]:
        """Return the settings that the study judges, without the engine's name and own keys."""
        return slice_of(
            self.config.dft.model_copy(update={"engine": "auto", "sparc": {}, "abinit": {}})
        )

    def study_settings(self, point: str) -> dict[str, Any]:
        """Return what a single point of the convergence study is computed with."""
        study = self.config.convergence
        assert study is not None  # the rules of the study are not included without it
        dft = study.settings(point, self.config.dft)
        return self.single_point_settings(dft, study.system, "convergence")

    def schedule_of(self, schedule: Training) -> dict[str, Any]:
        """Return a training's section without the share that named trajectories override."""
        section = slice_of(schedule)
        if schedule.validation_trajectories:
            section.pop("validation_share", None)
        return section

    def settled_engine(self) -> str:
        """Return the engine that the data were begun with, else the one that is asked for.

        Raises
        ------
        ConfigError
            If the configuration asks for another one.
        """
        record, asked = Path(self.results("engine.json")), self.config.dft.engine
        if not record.is_file():
            return asked
        settled = str(json.loads(record.read_text(encoding="utf-8"))["name"])
        if asked not in ("auto", settled):
            raise ConfigError(
                f"dft.engine: expected {settled}, which the data in {self.config.results} were "
                f"begun with, found {asked}; name another folder under `results` to begin anew"
            )
        return settled

    @property
    def engine_environment(self) -> str:
        """The conda environment that brings the engine, seen from `rules/`."""
        return f"../envs/{'sparc' if self.config.dft.engine == 'sparc' else 'abinit'}.yaml"

    def prediction_options(self) -> str:
        """Return the options of `rhocast predict` that its uncertainty and mesh need.

        Without a mesh the model chooses it.
        """
        prediction = self.config.prediction
        options = f"--uncertainty {prediction.uncertainty}"
        if prediction.uncertainty == "sampled":
            seed = seed_for(self.config.seed, "weight samples")
            options += f" --samples {prediction.samples} --seed {seed}"
        if prediction.mesh_spacing_bohr is not None:
            options += f" --mesh-spacing-bohr {prediction.mesh_spacing_bohr}"
        return options

    def evaluation_params(self) -> dict[str, Any]:
        """Return how errors are measured; seed and number of samples only if it is by samples."""
        prediction = self.config.prediction
        uncertainty = prediction.evaluated_uncertainty
        if uncertainty == "fast":
            return {"uncertainty": uncertainty}
        seed = seed_for(self.config.seed, "weight samples")
        return {"uncertainty": uncertainty, "samples": prediction.samples, "seed": seed}

    def unmeasured(self) -> list[str]:
        """Say what the cells to predict have that no held-out snapshot has."""
        return unmeasured(self.config)

    # Studies

    def required_study(self) -> list[str]:
        """Return what dynamics and single points wait for, if convergence is required."""
        study = self.config.convergence
        return self.study_results()[:1] if study is not None and study.require else []

    def descriptor_points(self) -> list[str]:
        """Return the points of the descriptor's study."""
        return [OWN, *self.config.studies.points(self.config.recipe)]

    def recipe_of(self, point: str = OWN) -> dict[str, Any]:
        """Return what a study's models are made with, at a point of the descriptor's study."""
        return slice_of(self.config.studies.recipe(point, self.config.recipe))

    def study_dataset(self, key: str) -> str:
        """Return a dataset that a study needs.

        Raises
        ------
        ConfigError
            If the configuration names none.
        """
        name = getattr(self.config.studies, key)
        if name is None:
            raise ConfigError(f"studies.{key}: expected a key of `datasets`, found none")
        return str(name)

    # Energies, equations of state, bands

    def physics_settings(self) -> dict[str, Any]:
        """Return what energies are computed with: settings of DFT, and pseudopotentials."""
        own = self.config.dft.model_copy(update={"engine": "auto"})
        files = self.config.material.pseudopotentials
        return {"dft": slice_of(own), "material": {"pseudopotentials": files}}

    def energies_options(self) -> str:
        """Return the options of `rhocast energies` that the configuration decides."""
        if self.config.energies is None:
            raise ConfigError("energies: expected a section that names `datasets`")
        return " ".join(_samples_option(self.config.energies.samples))

    def eos_options(self) -> str:
        """Return the options of `rhocast eos` that the configuration decides."""
        study = self.config.equation_of_state
        if study is None:
            raise ConfigError("equation_of_state: expected a section that names `systems`")
        words = ["--strains", *(f"{strain:g}" for strain in study.strains)]
        words += [] if study.compare_dft else ["--without-dft"]
        return " ".join(words + _samples_option(study.samples))

    def lattice_constant(self, system: str) -> float | None:
        """Return the lattice constant of a cell, Bohr; None of one that has none."""
        cell = self.config.systems[system]
        if cell.lattice_constant_bohr is None or isinstance(cell.strain, tuple):
            return None
        return float(f"{cell.lattice_constant_bohr * (1.0 + cell.strain):.10g}")

    def experiment(self) -> dict[str, float] | None:
        """Return the measured values that pictures of equations of state show."""
        study = self.config.equation_of_state
        return None if study is None or study.experiment is None else slice_of(study.experiment)

    def bands_options(self) -> str:
        """Return the options of `rhocast bands` that the configuration decides."""
        study = self.config.bands
        if study is None:
            raise ConfigError("bands: expected a section that names `systems`")
        words = ["--against", "dft"] if study.compare_dft else []
        words += [] if study.path is None else ["--path", study.path]
        if (spacing := study.dos_kpoint_spacing_per_bohr) is not None:
            words += ["--dos-kpoint-spacing-per-bohr", f"{spacing:g}"]
        return " ".join(words)


def slice_of(section: Section) -> dict[str, Any]:
    """Return a section of the configuration as a rule's param, without defaults.

    A later version's new key must not run anything again. A default that changes raises the format
    version of the rules that it concerns.
    """
    return section.model_dump(exclude_defaults=True)


def _samples_option(samples: int | None) -> list[str]:
    return [] if samples is None else ["--samples", str(samples)]


def _species(config: Config) -> dict[str, tuple[str, ...]]:
    """Return the elements of the cells of datasets that are read from files.

    Raises
    ------
    ConfigError
        If one of them has no pseudopotential.
    """
    sampled = {source.system for sources in config.datasets.values() for source in sources}
    found = {}
    for name in sorted(sampled):
        system = config.systems[name]
        if (file := system.file) is not None:
            read = read_structure if system.shared_sites is None else read_shared_sites
            found[name] = tuple(read(file).species)
            if missing := sorted(set(found[name]) - set(config.material.pseudopotentials)):
                raise ConfigError(
                    f"material.pseudopotentials: expected an entry for {', '.join(missing)}, of "
                    f"which systems.{name}.file = {file} is made; found "
                    f"{', '.join(config.material.pseudopotentials)}"
                )
    return found
