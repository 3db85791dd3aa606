"""The convergence study: one cell at coarser and finer settings, a job for each single point."""

import re


use rule structure as converge_structure with:
    input:
        file=cfg.systems[cfg.convergence.system].file or [],
    output:
        structure=results("convergence/structure.extxyz"),
    log:
        log_of("converge_structure"),
    benchmark:
        benchmark_of("converge_structure")
    params:
        system=slice_of(cfg.convergence.cell(cfg.systems)),
        determined_by=campaign.determined.study_structure(),
        debye_temperature_K=cfg.material.debye_temperature_K,
        seed=seed_for(cfg.seed, "structure", cfg.convergence.system),
        format_version=1,
    message:
        "Building the cell of the convergence study"


rule converge_point:
    input:
        frame=results("convergence/structure.extxyz"),
        engine=results("engine.json"),
    output:
        density=protected(results("convergence/{point}.h5")),
    log:
        log_of("converge_point/{point}"),
    benchmark:
        benchmark_of("converge_point/{point}")
    wildcard_constraints:
        point=constraint(
            "study",
            standing,
            map(re.escape, ("own", *cfg.convergence.points())),
        ),
    conda:
        campaign.engine_environment
    threads: 1
    resources:
        mem_mb=8000,
        runtime=1440,
        tasks=2,
        mpi="mpirun",
    params:
        settings=lambda w: json.dumps(campaign.study_settings(w.point)),
        determined_by=lambda w: json.dumps(campaign.determined.study_density(w.point)),
        temperature_K=cfg.convergence.temperature_K or 0.0,
        format_version=1,
    message:
        "Convergence study: {wildcards.point}"
    shell:
        "rhocast scf {input.frame:q} -o {output.density:q}"
        " --engine {input.engine:q} --launcher '{resources.mpi} -n {resources.tasks}'"
        " --threads {threads}"
        " --temperature-K {params.temperature_K}"
        " --settings {params.settings:q}"
        " --determined-by {params.determined_by:q}"
        " > {log:q} 2>&1"


rule converge:
    input:
        points=[
            results(f"convergence/{point}.h5")
            for point in ("own", *cfg.convergence.points())
        ],
    output:
        table=report(
            results("convergence/convergence.tsv"),
            category="Convergence",
            caption="../docs/captions/convergence.rst",
        ),
        picture=report(
            results("convergence/convergence.png"),
            category="Convergence",
            caption="../docs/captions/convergence.rst",
        ),
        recommended=results("convergence/recommended.yaml"),
    log:
        log_of("converge"),
    benchmark:
        benchmark_of("converge")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        tasks=1,
    params:
        study=slice_of(cfg.convergence),
        dft=campaign.study_dft(),
        format_version=3,
    message:
        "Judging the convergence study"
    script:
        "../scripts/converge.py"
