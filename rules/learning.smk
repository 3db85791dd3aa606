"""Learning: sampled features, the Bayesian network, transfer to larger cells."""


rule features:
    input:
        snapshots=lambda wildcards: densities_of(wildcards.dataset),
    output:
        features=results("features/{dataset}.h5"),
    log:
        log_of("features/{dataset}"),
    benchmark:
        benchmark_of("features/{dataset}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        tasks=1,
    params:
        features=slice_of(cfg.features),
        descriptor=slice_of(cfg.descriptor),
        baseline=slice_of(cfg.baseline) if cfg.baseline else None,
        pseudopotentials=cfg.material.pseudopotentials,
        seed=seed_for(cfg.seed, "features"),
        format_version=5,
    message:
        "Drawing mesh points and their descriptors from dataset {wildcards.dataset}"
    script:
        "../scripts/features.py"


rule train:
    input:
        features=results(f"features/{cfg.training.dataset}.h5"),
    output:
        model=results(f"models/{cfg.name}/base.safetensors"),
    log:
        log_of("train"),
    benchmark:
        benchmark_of("train")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=720,
        tasks=1,
        device="cpu",
    params:
        network=slice_of(cfg.network),
        training=slice_of(cfg.training),
        seed=seed_for(cfg.seed, "train"),
        format_version=3,
    message:
        "Training on the small cells"
    script:
        "../scripts/train.py"


# The whole pool is ranked once. A base model that is trained again later chooses nothing anew: what
# has been chosen has been computed.
rule acquire:
    input:
        model=ancient(results(f"models/{cfg.name}/base.safetensors")),
        trajectories=lambda wildcards: [run_of(w) for w in pools_of(wildcards.dataset)],
    output:
        choices=results("acquired/{dataset}.tsv"),
    log:
        log_of("acquire/{dataset}"),
    benchmark:
        benchmark_of("acquire/{dataset}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        tasks=1,
    params:
        pools=lambda wildcards: [
            {"source": f"{w.system}/{w.temperature}K"} | frame_settings(w)
            for w in pools_of(wildcards.dataset)
        ],
        seed=lambda wildcards: seed_for(cfg.seed, "acquire", wildcards.dataset),
        format_version=1,
    message:
        "Choosing frames for dataset {wildcards.dataset}"
    script:
        "../scripts/acquire.py"


rule transfer:
    input:
        model=results(f"models/{cfg.name}/base.safetensors"),
        features=results(f"features/{cfg.transfer.dataset}.h5"),
    output:
        model=results(f"models/{cfg.name}/transferred.safetensors"),
    log:
        log_of("transfer"),
    benchmark:
        benchmark_of("transfer")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=720,
        tasks=1,
        device="cpu",
    params:
        transfer=slice_of(cfg.transfer),
        seed=seed_for(cfg.seed, "transfer"),
        format_version=2,
    message:
        "Transferring to the larger cells"
    script:
        "../scripts/transfer.py"
