"""Cells to compute and to predict."""


rule structure:
    input:
        file=lambda wildcards: cfg.systems[wildcards.system].file or [],
    output:
        structure=results("structures/{system}.extxyz"),
    log:
        log_of("structure/{system}"),
    benchmark:
        benchmark_of("structure/{system}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        tasks=1,
    params:
        system=lambda wildcards: slice_of(cfg.systems[wildcards.system]),
        debye_temperature_K=cfg.material.debye_temperature_K,
        seed=lambda wildcards: seed_for(cfg.seed, "structure", wildcards.system),
        format_version=1,
    message:
        "Building cell {wildcards.system}"
    script:
        "../scripts/structure.py"
