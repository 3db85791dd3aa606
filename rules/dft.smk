"""Data: molecular dynamics, frames of it, one Kohn-Sham single point for each frame."""


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
        engine_environment()
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
        engine_environment()
    threads: 1
    resources:
        mem_mb=8000,
        runtime=1440,
        tasks=2,
        mpi="mpirun",
    params:
        settings=lambda wildcards: json.dumps(aimd_settings(wildcards)),
        frames=lambda wildcards: cfg.candidates(
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
        " --threads {threads}"
        " --temperature-K {wildcards.temperature} --frames {params.frames}"
        " --settings {params.settings:q} --seed {params.seed}"
        " > {log} 2>&1"


rule classical:
    input:
        structure=results("structures/{system}.extxyz"),
    output:
        trajectory=results("classical/{system}/{temperature}K/trajectory.extxyz"),
    log:
        log_of("classical/{system}/{temperature}K"),
    benchmark:
        benchmark_of("classical/{system}/{temperature}K")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
        tasks=1,
    params:
        settings=classical_settings,
        frames=lambda wildcards: cfg.candidates(
            wildcards.system, int(wildcards.temperature)
        ),
        seed=lambda wildcards: seed_for(
            cfg.seed, "aimd", wildcards.system, wildcards.temperature
        ),
        format_version=1,
    message:
        "Classical dynamics of {wildcards.system} at {wildcards.temperature} K"
    script:
        "../scripts/classical.py"


# Params hold what determines the trajectory, but for its length.
rule snapshots:
    input:
        trajectory=trajectory_of,
        choices=choices_of,
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
        settings=frame_settings,
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
        engine_environment()
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
        " --threads {threads}"
        " --temperature-K {wildcards.temperature}"
        " --settings {params.settings:q}"
        " > {log} 2>&1"
