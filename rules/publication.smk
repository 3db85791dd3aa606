"""Publication, on request: the model's card, and what makes the folder of results an RO-Crate."""


rule card:
    input:
        model=campaign.chosen_model(),
        errors=[results(f"evaluation/{name}.json") for name in cfg.evaluation],
        snapshots=[
            path for name in cfg.evaluation for path in campaign.densities_of(name)
        ],
    output:
        card=results("card.md"),
    log:
        log_of("card"),
    benchmark:
        benchmark_of("card")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        tasks=1,
    params:
        name=cfg.name,
        options=campaign.evaluation_params(),
        unmeasured=campaign.unmeasured(),
        format_version=1,
    message:
        "Writing the card of the model"
    script:
        "../scripts/card.py"


rule crate:
    input:
        results=finished,
        card=rules.card.output.card,
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
