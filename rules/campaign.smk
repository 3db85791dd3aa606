"""What all rules share: where things lie, and how they take their slice of the configuration."""

import json
from types import SimpleNamespace

from rhocast.config.studies import OWN


def results(path):
    """Return a path in the folder of results."""
    return f"{cfg.results}/{path}"


def log_of(rule_and_wildcards):
    """Return the log file of a rule."""
    return results(f"logs/{rule_and_wildcards}.log")


def benchmark_of(rule_and_wildcards):
    """Return the benchmark file (time and memory that Snakemake measured) of a rule."""
    return results(f"benchmarks/{rule_and_wildcards}.tsv")


def densities_of(dataset):
    """Return the snapshot files of a dataset, in a fixed order."""
    return [results(f"densities/{name}.h5") for name in cfg.snapshots(dataset)]


def campaign_file():
    """Return the configuration file as one would name it on the command line."""
    named = workflow.config_settings.configfiles or ["config.yaml"]
    return os.path.relpath(named[0])


def slice_of(section):
    """Return a section of the configuration as a rule's param.

    Defaults are left out: a later version's new key must not run anything again. A default that
    changes raises the format version of the rules that it concerns.
    """
    return section.model_dump(exclude_defaults=True)


def run_of(wildcards):
    """Return the trajectory of a system at a temperature, whatever moved its atoms."""
    sampler = cfg.sampler(wildcards.system, int(wildcards.temperature))
    return results(
        f"{sampler}/{wildcards.system}/{wildcards.temperature}K/trajectory.extxyz"
    )


def sampling_of(wildcards):
    """Return the section of the configuration that the trajectory of a system follows."""
    sampler = cfg.sampler(wildcards.system, int(wildcards.temperature))
    return cfg.aimd if sampler == "aimd" else cfg.classical


def run_pictures():
    """Return the pictures of all runs of molecular dynamics."""
    runs = {run for dataset in cfg.datasets for run in cfg.trajectories(dataset)}
    return [
        results(f"figures/dynamics-{system}-{temperature}K.png")
        for system, temperature in sorted(runs)
    ]


def until_taken(path, wildcards):
    """Return an input of a frame: as ancient, once the frame has been taken."""
    frame = results(
        f"snapshots/{wildcards.system}/{wildcards.temperature}K/{wildcards.frame}.extxyz"
    )
    return ancient(path) if Path(frame).is_file() else path


def trajectory_of(wildcards):
    """Return the trajectory of a frame.

    Frame i lies at the same step however long the run is, so more frames add single points and
    repeat none.
    """
    return until_taken(run_of(wildcards), wildcards)


def choices_of(wildcards):
    """Return the table by which the base model has chosen a trajectory's frames; else nothing.

    The whole pool is ranked, so more frames add single points and repeat none.
    """
    dataset = cfg.chosen_in(wildcards.system, int(wildcards.temperature))
    if dataset is None:
        return []
    return until_taken(results(f"acquired/{dataset}.tsv"), wildcards)


def pools_of(dataset):
    """Return the trajectories that the base model chooses frames of, as wildcards."""
    return [
        SimpleNamespace(system=system, temperature=str(temperature))
        for system, temperature in cfg.pools(dataset)
    ]


def single_point_settings(dft, name, snapshot=None):
    """Return settings of DFT, without the engine's name, and a system's pseudopotentials.

    Where shifts of the k-mesh are drawn, the snapshot's seed of it is among them.
    """
    system = cfg.systems[name]
    elements = (
        system.composition or cfg.material.pseudopotentials
    )  # a file's are not known yet
    files = {element: cfg.material.pseudopotentials[element] for element in elements}
    own = dft.model_copy(update={"engine": "auto"})
    settings = {"dft": slice_of(own), "material": {"pseudopotentials": files}}
    seed = None if snapshot is None else cfg.kpoint_seed(snapshot)
    return settings if seed is None else settings | {"kpoint_seed": seed}


def scf_settings(wildcards):
    """Return what determines a single point: DFT, and the pseudopotentials of its elements."""
    name = f"{wildcards.system}/{wildcards.temperature}K/{wildcards.frame}"
    return single_point_settings(cfg.dft, wildcards.system, name)


def aimd_settings(wildcards):
    """Return what determines a trajectory, but for its length."""
    settings = single_point_settings(cfg.dft, wildcards.system)
    settings["aimd"] = slice_of(cfg.aimd)
    settings["material"]["debye_temperature_K"] = cfg.material.debye_temperature_K
    return settings


def classical_settings(wildcards):
    """Return what determines a classical trajectory, but for its length.

    Frames were once taken however long they remember each other: silence stands for `accept`, so
    that nothing of that time is computed again.
    """
    if cfg.classical is None:
        return {}
    settings = slice_of(cfg.classical)
    if settings.pop("correlated_frames", "spread") == "spread":
        settings["correlated_frames"] = "spread"
    return {"classical": settings}


def trajectory_settings(wildcards):
    """Return what determines the trajectory of a frame, but for its length."""
    sampler = cfg.sampler(wildcards.system, int(wildcards.temperature))
    return (aimd_settings if sampler == "aimd" else classical_settings)(wildcards)


def frame_settings(wildcards):
    """Return what determines a frame: its trajectory and, if it is chosen, of how many."""
    system, temperature = wildcards.system, int(wildcards.temperature)
    settings = trajectory_settings(wildcards)
    if dataset := cfg.chosen_in(system, temperature):
        settings = settings | {"pool": cfg.pools(dataset)[system, temperature]}
    return settings


def study_settings(point):
    """Return what determines a single point of the convergence study."""
    study = cfg.convergence
    return single_point_settings(
        study.settings(point, cfg.dft), study.system, "convergence"
    )


def study_results():
    """Return what the convergence study ends with; nothing if none is configured."""
    names = ("convergence.tsv", "convergence.png", "recommended.yaml")
    return [results(f"convergence/{name}") for name in names] if cfg.convergence else []


def frames_of(dataset):
    """Return the frames of a dataset, whose densities nobody has to compute."""
    return [results(f"snapshots/{name}.extxyz") for name in cfg.snapshots(dataset)]


def descriptor_points():
    """Return the points of the descriptor's study."""
    return [OWN, *cfg.studies.points(cfg.recipe)]


def recipe_of(point=OWN):
    """Return what a study's models are made with, at a point of the descriptor's study."""
    return slice_of(cfg.studies.recipe(point, cfg.recipe))


def study_dataset(key):
    """Return a dataset that a study needs."""
    name = getattr(cfg.studies, key)
    if name is None:
        raise WorkflowError(f"studies.{key}: expected a key of `datasets`, found none")
    return name


def study_pictures():
    """Return the pictures of all studies that are configured."""
    names = ["descriptors", "cells", "sigma"]
    names += ["economy"] if cfg.studies.larger else []
    names += ["vacancy"] if cfg.studies.vacancy else []
    return [results(f"studies/{name}.png") for name in names]


def check_settled_engine(record):
    """Refuse a configuration that asks for another engine than the data were begun with."""
    if cfg.dft.engine != "auto" and record.is_file():
        settled = json.loads(record.read_text())["name"]
        if settled != cfg.dft.engine:
            raise WorkflowError(
                f"dft.engine: expected {settled}, which the data in {cfg.results} were begun with, "
                f"found {cfg.dft.engine}; name another folder under `results` to begin anew"
            )


def engine_environment():
    """Return the conda environment that brings the engine."""
    return f"../envs/{'sparc' if cfg.dft.engine == 'sparc' else 'abinit'}.yaml"


def spacing_option():
    """Return the option of `rhocast predict` for the mesh; without it the model chooses."""
    if cfg.prediction.mesh_spacing_bohr is None:
        return ""
    return " --mesh-spacing-bohr {params.mesh_spacing_bohr}"
