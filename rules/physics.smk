"""Physics: energies at predicted densities, equations of state, bands."""


rule energies:
    input:
        model=campaign.chosen_model(),
        snapshots=lambda wildcards: campaign.densities_of(wildcards.dataset),
        engine=results("engine.json"),
    output:
        table=results("physics/energies-{dataset}.tsv"),
        picture=report(
            results("figures/energies-{dataset}.png"),
            category="Physics",
            labels={"dataset": "{dataset}"},
            caption="../docs/captions/energies.rst",
        ),
    log:
        log_of("energies/{dataset}"),
    benchmark:
        benchmark_of("energies/{dataset}")
    conda:
        campaign.engine_environment
    threads: 1
    resources:
        mem_mb=8000,
        runtime=720,
        tasks=2,
        mpi="mpirun",
    params:
        settings=json.dumps(campaign.physics_settings()),
        options=campaign.energies_options() if cfg.energies else "",
        format_version=1,
    message:
        "Energies of dataset {wildcards.dataset} at predicted and at DFT densities"
    shell:
        "rhocast energies {input.model:q} {input.snapshots:q} -o {output.table:q}"
        " --picture {output.picture:q} {params.options}"
        " --engine {input.engine:q} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --threads {threads}"
        " --settings {params.settings:q}"
        " > {log:q} 2>&1"


rule equation_of_state:
    input:
        model=campaign.chosen_model(),
        structure=results("structures/{system}.extxyz"),
        engine=results("engine.json"),
    output:
        table=results("physics/eos-{system}.tsv"),
        fits=results("physics/eos-{system}.json"),
        picture=report(
            results("figures/eos-{system}.png"),
            category="Physics",
            labels={"system": "{system}"},
            caption="../docs/captions/eos.rst",
        ),
    log:
        log_of("equation_of_state/{system}"),
    benchmark:
        benchmark_of("equation_of_state/{system}")
    conda:
        campaign.engine_environment
    threads: 1
    resources:
        mem_mb=8000,
        runtime=1440,
        tasks=2,
        mpi="mpirun",
    params:
        settings=json.dumps(campaign.physics_settings()),
        options=lambda w: campaign.eos_options(w.system),
        format_version=1,
    message:
        "Equation of state of {wildcards.system}"
    shell:
        "rhocast eos {input.model:q} {input.structure:q} -o {output.table:q}"
        " --picture {output.picture:q} {params.options}"
        " --engine {input.engine:q} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --threads {threads}"
        " --settings {params.settings:q}"
        " > {log:q} 2>&1"


rule bands:
    input:
        model=campaign.chosen_model(),
        structure=results("structures/{system}.extxyz"),
        engine=results("engine.json"),
    output:
        bands=results("physics/bands-{system}.json"),
        picture=report(
            results("figures/bands-{system}.png"),
            category="Physics",
            labels={"system": "{system}"},
            caption="../docs/captions/bands.rst",
        ),
    log:
        log_of("bands/{system}"),
    benchmark:
        benchmark_of("bands/{system}")
    conda:
        campaign.engine_environment
    threads: 1
    resources:
        mem_mb=8000,
        runtime=1440,
        tasks=2,
        mpi="mpirun",
    params:
        settings=json.dumps(campaign.physics_settings()),
        options=campaign.bands_options() if cfg.bands else "",
        format_version=1,
    message:
        "Bands and density of states of {wildcards.system}"
    shell:
        "rhocast bands {input.model:q} {input.structure:q} -o {output.bands:q}"
        " --picture {output.picture:q} {params.options}"
        " --engine {input.engine:q} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --threads {threads}"
        " --settings {params.settings:q}"
        " > {log:q} 2>&1"
