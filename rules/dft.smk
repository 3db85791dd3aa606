"""Data: molecular dynamics, frames of it, one Kohn-Sham single point for each frame."""

import json

ENGINE_ENVIRONMENT = (
    f"../envs/{'sparc' if cfg.dft.engine == 'sparc' else 'abinit'}.yaml"
)


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


check_settled_engine(Path(results("engine.json")))


# The engine is settled once and recorded: neither a PATH nor a configuration that changes may mix
# engines. So what is asked for is no param.
rule engine:
    output:
        engine=results("engine.json"),
    log:
        log_of("engine"),
    benchmark:
        benchmark_of("engine")
    conda:
        ENGINE_ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        tasks=1,
    params:
        format_version=1,
    message:
        "Settling the DFT engine"
    script:
        "../scripts/engine.py"


rule aimd:
    input:
        structure=results("structures/{system}.extxyz"),
        engine=ancient(results("engine.json")),
    output:
        trajectory=results("aimd/{system}/{temperature}K/trajectory.extxyz"),
    log:
        log_of("aimd/{system}/{temperature}K"),
    benchmark:
        benchmark_of("aimd/{system}/{temperature}K")
    conda:
        ENGINE_ENVIRONMENT
    threads: 1
    resources:
        mem_mb=8000,
        runtime=1440,
        tasks=2,
        mpi="mpirun",
    params:
        settings=lambda wildcards: json.dumps(aimd_settings(wildcards)),
        frames=lambda wildcards: cfg.frames(
            wildcards.system, int(wildcards.temperature)
        ),
        seed=lambda wildcards: seed_for(
            cfg.seed, "aimd", wildcards.system, wildcards.temperature
        ),
        format_version=1,
    message:
        "Molecular dynamics of {wildcards.system} at {wildcards.temperature} K"
    shell:
        "rhocast aimd {input.structure} -o {output.trajectory}"
        " --engine {input.engine} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --temperature-K {wildcards.temperature} --frames {params.frames}"
        " --settings {params.settings:q} --seed {params.seed}"
        " > {log} 2>&1"


# Frame i lies at the same step however long the run is, so that more frames add single points
# and repeat none: the trajectory counts as ancient, and params hold what determines it.
rule snapshots:
    input:
        trajectory=ancient(results("aimd/{system}/{temperature}K/trajectory.extxyz")),
    output:
        frame=results("snapshots/{system}/{temperature}K/{frame}.extxyz"),
    log:
        log_of("snapshots/{system}/{temperature}K/{frame}"),
    benchmark:
        benchmark_of("snapshots/{system}/{temperature}K/{frame}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        tasks=1,
    params:
        settings=aimd_settings,
        seed=lambda wildcards: seed_for(
            cfg.seed, "aimd", wildcards.system, wildcards.temperature
        ),
        format_version=1,
    message:
        "Taking frame {wildcards.frame} of {wildcards.system} at {wildcards.temperature} K"
    script:
        "../scripts/snapshots.py"


rule scf:
    input:
        frame=results("snapshots/{system}/{temperature}K/{frame}.extxyz"),
        engine=ancient(results("engine.json")),
    output:
        density=protected(results("densities/{system}/{temperature}K/{frame}.h5")),
    log:
        log_of("scf/{system}/{temperature}K/{frame}"),
    benchmark:
        benchmark_of("scf/{system}/{temperature}K/{frame}")
    conda:
        ENGINE_ENVIRONMENT
    threads: 1
    resources:
        mem_mb=8000,
        runtime=720,
        tasks=2,
        mpi="mpirun",
    params:
        settings=lambda wildcards: json.dumps(scf_settings(wildcards)),
        format_version=1,
    message:
        "Density of {wildcards.system} at {wildcards.temperature} K, frame {wildcards.frame}"
    shell:
        "rhocast scf {input.frame} -o {output.density}"
        " --engine {input.engine} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --temperature-K {wildcards.temperature}"
        " --settings {params.settings:q}"
        " > {log} 2>&1"
