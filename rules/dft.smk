"""Data: molecular dynamics, frames of it, one Kohn-Sham single point for each frame.

What stands (`rhocast.workflow.standing`) is no output of these rules.
"""

import json


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
        campaign.engine_environment
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
        engine=results("engine.json"),
        study=campaign.required_study(),
    output:
        trajectory=results("aimd/{system}/{temperature}K/trajectory.extxyz"),
    log:
        log_of("aimd/{system}/{temperature}K"),
    benchmark:
        benchmark_of("aimd/{system}/{temperature}K")
    wildcard_constraints:
        system=constraint("trajectories", standing, campaign.sampled()),
    conda:
        campaign.engine_environment
    threads: 1
    resources:
        mem_mb=8000,
        runtime=1440,
        tasks=2,
        mpi="mpirun",
    params:
        settings=lambda w: json.dumps(
            campaign.trajectory_settings(w.system, w.temperature)
        ),
        determined_by=lambda w: json.dumps(
            campaign.determined.trajectory(w.system, int(w.temperature))
        ),
        frames=lambda w: cfg.candidates(w.system, int(w.temperature)),
        seed=lambda w: seed_for(cfg.seed, "aimd", w.system, w.temperature),
        format_version=1,
    message:
        "Molecular dynamics of {wildcards.system} at {wildcards.temperature} K"
    shell:
        "rhocast aimd {input.structure:q} -o {output.trajectory:q}"
        " --engine {input.engine:q} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --threads {threads}"
        " --temperature-K {wildcards.temperature} --frames {params.frames}"
        " --settings {params.settings:q} --seed {params.seed}"
        " --determined-by {params.determined_by:q}"
        " > {log:q} 2>&1"


rule classical:
    input:
        structure=results("structures/{system}.extxyz"),
    output:
        trajectory=results("classical/{system}/{temperature}K/trajectory.extxyz"),
    log:
        log_of("classical/{system}/{temperature}K"),
    benchmark:
        benchmark_of("classical/{system}/{temperature}K")
    wildcard_constraints:
        system=constraint("trajectories", standing, campaign.sampled()),
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
        tasks=1,
    params:
        settings=lambda w: campaign.trajectory_settings(w.system, w.temperature),
        determined_by=lambda w: campaign.determined.trajectory(
            w.system, int(w.temperature)
        ),
        frames=lambda w: cfg.candidates(w.system, int(w.temperature)),
        seed=lambda w: seed_for(cfg.seed, "aimd", w.system, w.temperature),
        format_version=1,
    message:
        "Classical dynamics of {wildcards.system} at {wildcards.temperature} K"
    script:
        "../scripts/classical.py"


rule snapshots:
    input:
        origin=lambda w: campaign.run_of(w.system, w.temperature),
        choices=lambda w: campaign.choices_of(w.system, w.temperature),
    output:
        frame=results("snapshots/{system}/{temperature}K/{frame}.extxyz"),
    log:
        log_of("snapshots/{system}/{temperature}K/{frame}"),
    benchmark:
        benchmark_of("snapshots/{system}/{temperature}K/{frame}")
    wildcard_constraints:
        system=constraint("frames", standing, campaign.sampled()),
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        tasks=1,
    params:
        settings=lambda w: campaign.trajectory_settings(w.system, w.temperature),
        determined_by=lambda w: campaign.determined.frame(w.system, int(w.temperature)),
        format_version=1,
    message:
        "Taking frame {wildcards.frame} of {wildcards.system} at {wildcards.temperature} K"
    script:
        "../scripts/snapshots.py"


rule scf:
    input:
        frame=results("snapshots/{system}/{temperature}K/{frame}.extxyz"),
        engine=results("engine.json"),
        study=campaign.required_study(),
    output:
        density=protected(results("densities/{system}/{temperature}K/{frame}.h5")),
    log:
        log_of("scf/{system}/{temperature}K/{frame}"),
    benchmark:
        benchmark_of("scf/{system}/{temperature}K/{frame}")
    wildcard_constraints:
        system=constraint("densities", standing, campaign.sampled()),
    conda:
        campaign.engine_environment
    threads: 1
    resources:
        mem_mb=8000,
        runtime=720,
        tasks=2,
        mpi="mpirun",
    params:
        settings=lambda w: json.dumps(
            campaign.single_point_settings(
                cfg.dft, w.system, f"{w.system}/{w.temperature}K/{w.frame}"
            )
        ),
        determined_by=lambda w: json.dumps(
            campaign.determined.density(w.system, int(w.temperature))
        ),
        format_version=1,
    message:
        "Density of {wildcards.system} at {wildcards.temperature} K, frame {wildcards.frame}"
    shell:
        "rhocast scf {input.frame:q} -o {output.density:q}"
        " --engine {input.engine:q} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --threads {threads}"
        " --temperature-K {wildcards.temperature}"
        " --settings {params.settings:q}"
        " --determined-by {params.determined_by:q}"
        " > {log:q} 2>&1"
