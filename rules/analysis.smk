"""Analysis: runs of molecular dynamics, measured errors, pictures, a summary."""


rule dynamics:
    input:
        trajectory=lambda w: campaign.run_of(w.system, w.temperature),
    output:
        table=results("dynamics/{system}/{temperature}K.tsv"),
        picture=report(
            results("figures/dynamics-{system}-{temperature}K.png"),
            category="Molecular dynamics",
            labels={"system": "{system}", "temperature": "{temperature} K"},
            caption="../docs/captions/dynamics.rst",
        ),
    log:
        log_of("dynamics/{system}/{temperature}K"),
    benchmark:
        benchmark_of("dynamics/{system}/{temperature}K")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        tasks=1,
    params:
        equilibration_steps=lambda w: campaign.sampling_of(
            w.system, w.temperature
        ).equilibration_steps,
        steps_between_frames=lambda w: campaign.sampling_of(
            w.system, w.temperature
        ).steps_between_frames,
        determined_by=lambda w: campaign.determined.trajectory(
            w.system, int(w.temperature)
        ),
        format_version=2,
    message:
        "Judging the dynamics of {wildcards.system} at {wildcards.temperature} K"
    script:
        "../scripts/dynamics.py"


rule evaluate:
    input:
        base=results(f"models/{cfg.name}/calibrated.safetensors"),
        transferred=results(f"models/{cfg.name}/transferred.safetensors"),
        snapshots=lambda wildcards: campaign.densities_of(wildcards.dataset),
    output:
        errors=results("evaluation/{dataset}.json"),
        picture=report(
            results("figures/errors-{dataset}.png"),
            category="Errors",
            labels={"dataset": "{dataset}"},
            caption="../docs/captions/errors.rst",
        ),
    log:
        log_of("evaluate/{dataset}"),
    benchmark:
        benchmark_of("evaluate/{dataset}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        tasks=1,
    params:
        options=campaign.evaluation_params(),
        determined_by=lambda w: campaign.determined.evaluation(w.dataset),
        format_version=2,
    message:
        "Measuring errors on dataset {wildcards.dataset}, before and after transfer"
    script:
        "../scripts/evaluate.py"


# The first dataset decides, so that another one can be added to `evaluation` later.
rule choose:
    input:
        base=results(f"models/{cfg.name}/calibrated.safetensors"),
        transferred=results(f"models/{cfg.name}/transferred.safetensors"),
        errors=results(f"evaluation/{cfg.evaluation[0]}.json"),
    output:
        model=campaign.chosen_model(),
    log:
        log_of("choose"),
    benchmark:
        benchmark_of("choose")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        tasks=1,
    params:
        determined_by=campaign.determined.chosen_model(),
        format_version=1,
    message:
        "Choosing the better of base and transferred model"
    script:
        "../scripts/choose.py"


rule worst_snapshot:
    input:
        model=campaign.chosen_model(),
        snapshots=lambda wildcards: campaign.densities_of(wildcards.dataset),
        errors=results("evaluation/{dataset}.json"),
        deciding=results(f"evaluation/{cfg.evaluation[0]}.json"),
    output:
        picture=report(
            results("figures/worst-{dataset}.png"),
            category="Summary",
            labels={"dataset": "{dataset}", "figure": "DFT, predicted, difference"},
            caption="../docs/captions/worst_snapshot.rst",
        ),
    log:
        log_of("worst_snapshot/{dataset}"),
    benchmark:
        benchmark_of("worst_snapshot/{dataset}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        tasks=1,
    params:
        format_version=2,
    message:
        "Drawing the snapshot of {wildcards.dataset} with the largest error"
    script:
        "../scripts/worst_snapshot.py"


rule figures:
    input:
        density=results("predictions/{cell}/density.h5"),
    output:
        picture=report(
            results("figures/{cell}.png"),
            category="Predicted fields",
            labels={"cell": "{cell}", "figure": "planes and a line"},
            caption="../docs/captions/field.rst",
        ),
        void=report(
            results("figures/{cell}-void.png"),
            category="Predicted fields",
            labels={"cell": "{cell}", "figure": "around the largest void"},
            caption="../docs/captions/void.rst",
        ),
        render=report(
            results("figures/{cell}-render.png"),
            category="Predicted fields",
            labels={"cell": "{cell}", "figure": "in three dimensions"},
            caption="../docs/captions/render.rst",
        ),
        histogram=report(
            results("figures/{cell}-histogram.png"),
            category="Predicted fields",
            labels={"cell": "{cell}", "figure": "distributions"},
            caption="../docs/captions/histogram.rst",
        ),
    log:
        log_of("figures/{cell}"),
    benchmark:
        benchmark_of("figures/{cell}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
        tasks=1,
    params:
        format_version=3,
    message:
        "Drawing cell {wildcards.cell}"
    script:
        "../scripts/figures.py"


rule summary:
    input:
        engine=[results("engine.json")] if campaign.runs() else [],
        snapshots=lambda w: wanted(w).all_densities(),
        verdict=verdict_of,
        study=campaign.study_results()[:1],
        errors=expand(results("evaluation/{dataset}.json"), dataset=cfg.evaluation),
        transferred=results(f"models/{cfg.name}/transferred.safetensors"),
        worst=results(f"figures/worst-{cfg.evaluation[0]}.png"),
        rest=lambda w: wanted(w).at_rest(),
        fields=expand(
            results("predictions/{cell}/density.h5"), cell=cfg.prediction.cells
        ),
    output:
        summary=report(
            results("summary.txt"),
            category="Summary",
            labels={"dataset": "all", "figure": "summary.txt"},
            caption="../docs/captions/summary.rst",
        ),
    log:
        log_of("summary"),
    benchmark:
        benchmark_of("summary")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        tasks=1,
    params:
        unmeasured=campaign.unmeasured(),
        criteria=slice_of(cfg.convergence) if cfg.convergence else None,
        format_version=4,
    message:
        "Writing the summary"
    script:
        "../scripts/summary.py"
