"""Publication: the metadata with which the folder of results is an RO-Crate. On request."""


# It runs beside Snakemake, whose version it records, so it has no environment of its own.
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
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
        tasks=1,
    params:
        folder=cfg.results,
        name=cfg.name,
        licences=[package.licence for package in cfg.packages.values()],
        trained_on=campaign.training_densities(),
        configuration=config,
        format_version=1,
    message:
        "Describing the campaign as an RO-Crate"
    script:
        "../scripts/crate.py"
