"""Physics: energies at predicted densities, equations of state, bands.

What an engine computes is the output of one rule, what follows from it without an engine that of
another: Snakemake deletes the outputs of a rule that fails.
"""


rule energies:
    input:
        model=campaign.chosen_model(),
        snapshots=lambda wildcards: campaign.densities_of(wildcards.dataset),
        engine=results("engine.json"),
    output:
        table=results("physics/energies-{dataset}.tsv"),
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
        format_version=2,
    message:
        "Energies of dataset {wildcards.dataset} at predicted and at DFT densities"
    shell:
        "rhocast energies {input.model:q} {input.snapshots:q} -o {output.table:q}"
        " {params.options}"
        " --engine {input.engine:q} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --threads {threads}"
        " --settings {params.settings:q}"
        " > {log:q} 2>&1"


rule draw_energies:
    input:
        table=results("physics/energies-{dataset}.tsv"),
    output:
        picture=report(
            results("figures/energies-{dataset}.png"),
            category="Physics",
            labels={"dataset": "{dataset}"},
            caption="../docs/captions/energies.rst",
        ),
    log:
        log_of("draw_energies/{dataset}"),
    benchmark:
        benchmark_of("draw_energies/{dataset}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        tasks=1,
    params:
        format_version=2,
    message:
        "Drawing energies of dataset {wildcards.dataset}"
    script:
        "../scripts/draw_energies.py"


rule equation_of_state:
    input:
        model=campaign.chosen_model(),
        structure=results("structures/{system}.extxyz"),
        engine=results("engine.json"),
    output:
        table=results("physics/eos-{system}.tsv"),
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
        options=campaign.eos_options() if cfg.equation_of_state else "",
        format_version=2,
    message:
        "Energies of {wildcards.system} at several volumes"
    shell:
        "rhocast eos {input.model:q} {input.structure:q} -o {output.table:q}"
        " --energies-only {params.options}"
        " --engine {input.engine:q} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --threads {threads}"
        " --settings {params.settings:q}"
        " > {log:q} 2>&1"


rule fit_equation_of_state:
    input:
        table=results("physics/eos-{system}.tsv"),
        structure=results("structures/{system}.extxyz"),
    output:
        fits=results("physics/eos-{system}.json"),
        picture=report(
            results("figures/eos-{system}.png"),
            category="Physics",
            labels={"system": "{system}"},
            caption="../docs/captions/eos.rst",
        ),
    log:
        log_of("fit_equation_of_state/{system}"),
    benchmark:
        benchmark_of("fit_equation_of_state/{system}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        tasks=1,
    params:
        lattice_constant_bohr=lambda w: campaign.lattice_constant(w.system),
        experiment=campaign.experiment(),
        format_version=1,
    message:
        "Equation of state of {wildcards.system}"
    script:
        "../scripts/fit_equation_of_state.py"


rule bands:
    input:
        model=campaign.chosen_model(),
        structure=results("structures/{system}.extxyz"),
        engine=results("engine.json"),
    output:
        bands=results("physics/bands-{system}.json"),
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
        " {params.options}"
        " --engine {input.engine:q} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --threads {threads}"
        " --settings {params.settings:q}"
        " > {log:q} 2>&1"


rule draw_bands:
    input:
        bands=results("physics/bands-{system}.json"),
    output:
        picture=report(
            results("figures/bands-{system}.png"),
            category="Physics",
            labels={"system": "{system}"},
            caption="../docs/captions/bands.rst",
        ),
    log:
        log_of("draw_bands/{system}"),
    benchmark:
        benchmark_of("draw_bands/{system}")
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
        "Drawing bands of {wildcards.system}"
    script:
        "../scripts/draw_bands.py"
