"""How fast the campaign's model is: against size, ranks and what its DFT cost. On request."""


rule scaling:
    input:
        model=campaign.chosen_model(),
        snapshots=campaign.all_densities(),
    output:
        table=report(
            results("scaling/scaling.tsv"),
            category="Speed",
            caption="../docs/captions/scaling.rst",
        ),
        picture=report(
            results("scaling/scaling.png"),
            category="Speed",
            caption="../docs/captions/scaling.rst",
        ),
    log:
        log_of("scaling"),
    benchmark:
        benchmark_of("scaling")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        tasks=2,
        mpi="mpirun",
    params:
        format_version=1,
    message:
        "Measuring how fast predictions are; run nothing else on these cores"
    shell:
        "rhocast benchmark scaling --model {input.model:q} -o {output.table:q}"
        " --launcher '{resources.mpi} -n {resources.tasks}'"
        " --snapshots {input.snapshots:q}"
        " > {log:q} 2>&1"
