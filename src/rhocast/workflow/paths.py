"""Where the results of a campaign lie."""

import os
from pathlib import Path

from rhocast.config import Config


class Paths:
    """The files of a campaign, by the names that its configuration gives.

    Parameters
    ----------
    config
        The configuration.
    file
        Where it was read from.
    """

    def __init__(self, config: Config, file: str | Path = "config.yaml") -> None:
        self.config = config
        self.file = os.path.relpath(file)

    def results(self, path: str) -> str:
        """Return a path in the folder of results."""
        return f"{self.config.results}/{path}"

    def log_of(self, job: str) -> str:
        """Return the log file of a job, which is named by its rule and wildcards."""
        return self.results(f"logs/{job}.log")

    def benchmark_of(self, job: str) -> str:
        """Return the file with the time and memory that Snakemake measures of a job."""
        return self.results(f"benchmarks/{job}.tsv")

    def densities_of(self, dataset: str) -> list[str]:
        """Return the snapshot files of a dataset, in a fixed order."""
        return [self.results(f"densities/{name}.h5") for name in self.config.snapshots(dataset)]

    def all_densities(self) -> list[str]:
        """Return the snapshot files of all datasets."""
        return sorted({path for name in self.config.datasets for path in self.densities_of(name)})

    def frames_of(self, dataset: str) -> list[str]:
        """Return the frames of a dataset, whose densities nobody has to compute."""
        return [self.results(f"snapshots/{name}.extxyz") for name in self.config.snapshots(dataset)]

    def runs(self) -> list[tuple[str, int]]:
        """Return system and temperature (K) of all frames that are sampled, not imported."""
        config = self.config
        runs = {run for dataset in config.datasets for run in config.trajectories(dataset)}
        return sorted(run for run in runs if config.sampler(*run) != "imported")

    def moving_runs(self) -> list[tuple[str, int]]:
        """Return those whose atoms move in time; the frames of springs have no trajectory."""
        return [run for run in self.runs() if self.config.sampler(*run) != "springs"]

    def sampled(self) -> list[str]:
        """Return the systems that the rules make densities of; imported ones have no rule."""
        config = self.config
        imported = {
            source.system
            for sources in config.datasets.values()
            for source in sources
            if source.sampler == "imported"
        }
        return [name for name in config.systems if name not in imported]

    def run_of(self, system: str, temperature_K: str | int) -> str:
        """Return what frames are taken from: a trajectory, or the atoms at rest for springs."""
        sampler = self.config.sampler(system, int(temperature_K))
        if sampler == "springs":
            return self.results(f"structures/{system}.extxyz")
        return self.results(f"{sampler}/{system}/{temperature_K}K/trajectory.extxyz")

    def at_rest(self) -> list[str]:
        """Return the atoms at rest of all systems that springs displace."""
        drawn = [run for run in self.runs() if self.config.sampler(*run) == "springs"]
        return sorted({self.run_of(*run) for run in drawn})

    def choices_of(self, system: str, temperature_K: str | int) -> list[str]:
        """Return the table by which the base model chose a trajectory's frames, if it did."""
        dataset = self.config.chosen_in(system, int(temperature_K))
        return [] if dataset is None else [self.results(f"acquired/{dataset}.tsv")]

    def models(self) -> list[str]:
        """Return the base model, the same with σ for the larger cells, the transferred model."""
        names = ("base", "calibrated", "transferred")
        return [self.results(f"models/{self.config.name}/{name}.safetensors") for name in names]

    def chosen_model(self) -> str:
        """Return the better of base and transferred model, which predicts the cells."""
        return self.results(f"models/{self.config.name}/chosen.safetensors")

    def trained_on(self) -> int:
        """Return how many snapshots training and transfer have, those held back included."""
        datasets = (self.config.training.dataset, self.config.transfer.dataset)
        return len({name for dataset in datasets for name in self.config.snapshots(dataset)})

    def kept(self) -> list[str]:
        """Return the results that `all` asks for by name, so that none of them can be missing.

        A run that is killed while a rule is forced leaves what follows from it, but not it.
        """
        datasets = sorted({self.config.training.dataset, self.config.transfer.dataset})
        return [
            *(self.run_of(*run) for run in self.moving_runs()),
            *self.all_densities(),
            *(self.results(f"features/{dataset}.h5") for dataset in datasets),
            *self.models(),
        ]

    def run_pictures(self) -> list[str]:
        """Return the pictures of all runs of molecular dynamics."""
        return [self.results(f"figures/dynamics-{s}-{t}K.png") for s, t in self.moving_runs()]

    def study_results(self) -> list[str]:
        """Return what the convergence study ends with; nothing if none is configured."""
        names = ("convergence.tsv", "convergence.png", "recommended.yaml")
        study = self.config.convergence
        return [self.results(f"convergence/{name}") for name in names] if study else []

    def study_pictures(self) -> list[str]:
        """Return the pictures of all studies that are configured."""
        names = ["descriptors", "cells", "sigma"]
        names += ["economy"] if self.config.studies.larger else []
        names += ["vacancy"] if self.config.studies.vacancy else []
        return [self.results(f"studies/{name}.png") for name in names]

    def physics_pictures(self) -> list[str]:
        """Return the pictures of all energies, equations of state and bands that are configured."""
        energies, study = self.config.energies, self.config.equation_of_state
        bands = self.config.bands
        names = [f"energies-{name}" for name in (energies.datasets if energies else ())]
        names += [f"eos-{name}" for name in (study.systems if study else ())]
        names += [f"bands-{name}" for name in (bands.systems if bands else ())]
        return [self.results(f"figures/{name}.png") for name in names]
