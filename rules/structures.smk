"""Cells to compute and to predict."""


# Extended XYZ for the eye and the engines, HDF5 for millions of atoms: whichever is asked for.
rule structure:
    input:
        file=lambda wildcards: cfg.systems[wildcards.system].file or [],
    output:
        structure=results("structures/{system}.{suffix}"),
    log:
        log_of("structure/{system}.{suffix}"),
    benchmark:
        benchmark_of("structure/{system}.{suffix}")
    wildcard_constraints:
        suffix="extxyz|h5",
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
        format_version=2,
    message:
        "Building cell {wildcards.system} as {wildcards.suffix}"
    script:
        "../scripts/structure.py"
