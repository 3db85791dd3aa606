"""Studies beside the campaign: `snakemake studies`, or each by its name. `all` waits for none."""

import re


rule descriptor_point:
    input:
        snapshots=campaign.densities_of(cfg.training.dataset),
    output:
        point=results("studies/descriptors/{point}.json"),
    log:
        log_of("descriptor_point/{point}"),
    benchmark:
        benchmark_of("descriptor_point/{point}")
    wildcard_constraints:
        point="|".join(map(re.escape, campaign.descriptor_points())),
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=240,
        tasks=1,
    params:
        recipe=lambda wildcards: campaign.recipe_of(wildcards.point),
        seeds=cfg.studies.seeds,
        seed=seed_for(cfg.seed, "descriptors"),
        format_version=2,
    message:
        "Descriptor study: {wildcards.point}"
    script:
        "../scripts/descriptor_point.py"


rule select_descriptors:
    input:
        points=expand(
            results("studies/descriptors/{point}.json"),
            point=campaign.descriptor_points(),
        ),
    output:
        table=results("studies/descriptors.tsv"),
        picture=report(
            results("studies/descriptors.png"),
            category="Studies",
            caption="../docs/captions/descriptors.rst",
        ),
        recommended=results("studies/recommended.yaml"),
    log:
        log_of("select_descriptors"),
    benchmark:
        benchmark_of("select_descriptors")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        tasks=1,
    params:
        studies=slice_of(cfg.studies),
        recipe=campaign.recipe_of(),
        format_version=1,
    message:
        "Judging the descriptor study"
    script:
        "../scripts/select_descriptors.py"


# Cells larger than those of training and transfer need no DFT: their features are compared alone.
rule compare_cells:
    input:
        snapshots=sorted(
            {
                *campaign.densities_of(cfg.training.dataset),
                *campaign.densities_of(cfg.transfer.dataset),
            }
        ),
        frames=campaign.frames_of(cfg.studies.larger) if cfg.studies.larger else [],
    output:
        table=results("studies/cells.tsv"),
        picture=report(
            results("studies/cells.png"),
            category="Studies",
            caption="../docs/captions/cells.rst",
        ),
    log:
        log_of("compare_cells"),
    benchmark:
        benchmark_of("compare_cells")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
        tasks=1,
    params:
        descriptor=slice_of(cfg.descriptor),
        species=list(cfg.material.pseudopotentials),
        format_version=1,
    message:
        "Comparing cell sizes"
    script:
        "../scripts/compare_cells.py"


rule economy_seed:
    input:
        small=campaign.densities_of(cfg.training.dataset),
        larger=campaign.densities_of(cfg.transfer.dataset),
        judges=lambda wildcards: campaign.densities_of(campaign.study_dataset("larger")),
    output:
        table=results("studies/economy/{number}.tsv"),
    log:
        log_of("economy_seed/{number}"),
    benchmark:
        benchmark_of("economy_seed/{number}")
    wildcard_constraints:
        number=r"\d+",
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=720,
        tasks=1,
    params:
        recipe=campaign.recipe_of(),
        transfer=slice_of(cfg.studies.short(cfg.transfer)),
        seed=lambda wildcards: seed_for(cfg.seed, "economy", wildcards.number),
        format_version=2,
    message:
        "What data are worth: seed {wildcards.number}"
    script:
        "../scripts/economy_seed.py"


rule economy:
    input:
        tables=expand(
            results("studies/economy/{number}.tsv"), number=range(cfg.studies.seeds)
        ),
    output:
        table=results("studies/economy.tsv"),
        picture=report(
            results("studies/economy.png"),
            category="Studies",
            caption="../docs/captions/economy.rst",
        ),
    log:
        log_of("economy"),
    benchmark:
        benchmark_of("economy")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        tasks=1,
    params:
        format_version=1,
    message:
        "Drawing what data are worth"
    script:
        "../scripts/economy.py"


rule add_vacancy:
    input:
        snapshots=campaign.densities_of(cfg.training.dataset),
        added=lambda wildcards: campaign.densities_of(
            campaign.study_dataset("vacancy")
        )[0],
        judges=lambda wildcards: campaign.densities_of(
            campaign.study_dataset("vacancy")
        )[1:],
    output:
        table=results("studies/vacancy.tsv"),
        picture=report(
            results("studies/vacancy.png"),
            category="Studies",
            caption="../docs/captions/vacancy.rst",
        ),
    log:
        log_of("add_vacancy"),
    benchmark:
        benchmark_of("add_vacancy")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=240,
        tasks=1,
    params:
        recipe=campaign.recipe_of(),
        seeds=cfg.studies.seeds,
        seed=seed_for(cfg.seed, "vacancy"),
        format_version=2,
    message:
        "What one snapshot with a vacancy teaches"
    script:
        "../scripts/add_vacancy.py"


rule sigma:
    input:
        model=campaign.chosen_model(),
    output:
        table=results("studies/sigma.tsv"),
        picture=report(
            results("studies/sigma.png"),
            category="Studies",
            caption="../docs/captions/sigma.rst",
        ),
    log:
        log_of("sigma"),
    benchmark:
        benchmark_of("sigma")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
        tasks=1,
    params:
        cell=slice_of(cfg.training_cell),
        debye_temperature_K=cfg.material.debye_temperature_K,
        max_atoms=1_100_000,
        seed=seed_for(cfg.seed, "sigma"),
        format_version=1,
    message:
        "σ in ever larger cells"
    script:
        "../scripts/sigma.py"
