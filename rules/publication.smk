"""Publication: the metadata with which the folder of results is an RO-Crate. On request."""


rule crate:
    input:
        results=finished,
    output:
        metadata=results("ro-crate-metadata.json"),
        configuration=results("campaign.yaml"),
    log:
        log_of("crate"),
    benchmark:
        benchmark_of("crate")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
        tasks=1,
    params:
        name=cfg.name,
        licences=[package.licence for package in cfg.packages.values()],
        trained_on=campaign.training_densities(),
        configuration=config,
        snakemake=snakemake.__version__,
        format_version=1,
    message:
        "Describing the campaign as an RO-Crate"
    script:
        "../scripts/crate.py"
