"""Datasets to publish: compressed copies of the snapshot files, a manifest, a card."""


rule package:
    input:
        snapshots=lambda wildcards: [
            path
            for dataset in cfg.packages[wildcards.package].datasets
            for path in campaign.densities_of(dataset)
        ],
    output:
        manifest="data/{package}/MANIFEST.json",
        card="data/{package}/README.md",
    log:
        log_of("package/{package}"),
    benchmark:
        benchmark_of("package/{package}")
    wildcard_constraints:
        package="|".join(cfg.packages) or "none",
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        tasks=1,
    params:
        package=lambda wildcards: slice_of(cfg.packages[wildcards.package]),
        datasets=lambda wildcards: {
            dataset: campaign.densities_of(dataset)
            for dataset in cfg.packages[wildcards.package].datasets
        },
        config_file=campaign.file,
        format_version=1,
    message:
        "Packing {wildcards.package}"
    script:
        "../scripts/package.py"
