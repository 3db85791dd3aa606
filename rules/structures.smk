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
        system=lambda w: slice_of(cfg.systems[w.system]),
        determined_by=lambda w: campaign.determined.structure(w.system),
        debye_temperature_K=lambda w: campaign.structure_params(w.system)[
            "debye_temperature_K"
        ],
        seed=lambda w: campaign.structure_params(w.system)["seed"],
        format_version=2,
    message:
        "Building cell {wildcards.system} as {wildcards.suffix}"
    script:
        "../scripts/structure.py"
