"""Inference: one cell in shards, each by MPI ranks, merged into one field."""


rule predict:
    input:
        model=campaign.chosen_model(),
        structure=results("structures/{cell}.h5"),
    output:
        shard=temp(results("predictions/{cell}/shard-{shard}.h5")),
    log:
        log_of("predict/{cell}/{shard}"),
    benchmark:
        benchmark_of("predict/{cell}/{shard}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=240,
        tasks=2,
        mpi="mpirun",
        device="cpu",
    params:
        shards=cfg.prediction.shards,
        options=campaign.prediction_options(),
        determined_by=lambda w: campaign.determined.field(w.cell),
        format_version=1,
    message:
        "Predicting shard {wildcards.shard} of cell {wildcards.cell}"
    shell:
        "{resources.mpi} -n {resources.tasks}"
        " rhocast predict {input.model:q} {input.structure:q} -o {output.shard:q}"
        " --shard {wildcards.shard}/{params.shards} --ranks {resources.tasks}"
        " {params.options} --device {resources.device}"
        " > {log:q} 2>&1"


rule merge:
    input:
        shards=expand(
            results("predictions/{{cell}}/shard-{shard}.h5"),
            shard=range(cfg.prediction.shards),
        ),
    output:
        density=results("predictions/{cell}/density.h5"),
    log:
        log_of("merge/{cell}"),
    benchmark:
        benchmark_of("merge/{cell}")
    conda:
        "../envs/rhocast.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=120,
        tasks=1,
    params:
        determined_by=lambda w: campaign.determined.field(w.cell),
        format_version=1,
    message:
        "Merging the shards of cell {wildcards.cell}"
    script:
        "../scripts/merge.py"
