"""What all rules share: where things lie, and how they take their slice of the configuration."""

import json


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
    return [
        results(f"densities/{source.system}/{temperature}K/{frame}.h5")
        for source in cfg.datasets[dataset]
        for temperature in source.temperatures_K
        for frame in range(source.frames)
    ]


def slice_of(section):
    """Return a section of the configuration as a rule's param.

    Defaults are left out: a later version's new key must not run anything again. A default that
    changes raises the format version of the rules that it concerns.
    """
    return section.model_dump(exclude_defaults=True)


def trajectory_of(wildcards):
    """Return the trajectory of a frame: as ancient, once the frame has been taken.

    Frame i lies at the same step however long the run is, so more frames add single points and
    repeat none.
    """
    trajectory = results(
        f"aimd/{wildcards.system}/{wildcards.temperature}K/trajectory.extxyz"
    )
    frame = results(
        f"snapshots/{wildcards.system}/{wildcards.temperature}K/{wildcards.frame}.extxyz"
    )
    return ancient(trajectory) if Path(frame).is_file() else trajectory


def scf_settings(wildcards):
    """Return what determines a single point: DFT, and the pseudopotentials of its elements."""
    dft = cfg.dft.model_copy(update={"engine": "auto"})
    system = cfg.systems[wildcards.system]
    elements = (
        system.composition or cfg.material.pseudopotentials
    )  # a file's are not known yet
    files = {element: cfg.material.pseudopotentials[element] for element in elements}
    return {"dft": slice_of(dft), "material": {"pseudopotentials": files}}


def aimd_settings(wildcards):
    """Return what determines a trajectory, but for its length."""
    settings = scf_settings(wildcards) | {"aimd": slice_of(cfg.aimd)}
    settings["material"]["debye_temperature_K"] = cfg.material.debye_temperature_K
    return settings


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
