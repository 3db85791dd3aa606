"""Learning: sampled features, the Bayesian network, transfer to larger cells."""


rule features:
    input:
        snapshots=lambda wildcards: campaign.densities_of(wildcards.dataset),
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
        determined_by=lambda w: campaign.determined.features(w.dataset),
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
        training=campaign.schedule_of(cfg.training),
        determined_by=campaign.determined.base_model(),
        seed=seed_for(cfg.seed, "train"),
        format_version=3,
    message:
        "Training on the small cells"
    script:
        "../scripts/train.py"


# The whole pool is ranked once. A table that stands is no output of this rule, so a base model that
# is trained again later chooses nothing anew: what has been chosen has been computed.
rule acquire:
    input:
        model=results(f"models/{cfg.name}/base.safetensors"),
        trajectories=lambda w: [
            campaign.run_of(*run) for run in campaign.pools_of(w.dataset)
        ],
    output:
        choices=results("acquired/{dataset}.tsv"),
    log:
        log_of("acquire/{dataset}"),
    benchmark:
        benchmark_of("acquire/{dataset}")
    wildcard_constraints:
        dataset=constraint("choices", standing, cfg.datasets),
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        tasks=1,
    params:
        pools=lambda w: campaign.pool_settings(w.dataset),
        determined_by=lambda w: campaign.determined.choices(w.dataset),
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
        calibrated=results(f"models/{cfg.name}/calibrated.safetensors"),
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
        transfer=campaign.schedule_of(cfg.transfer),
        determined_by=campaign.determined.transferred_model(),
        seed=seed_for(cfg.seed, "transfer"),
        format_version=3,
    message:
        "Transferring to the larger cells"
    script:
        "../scripts/transfer.py"
