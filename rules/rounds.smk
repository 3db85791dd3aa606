"""Rounds: training on more and more data until the goal of the configuration is met."""


wildcard_constraints:
    round=r"\d+",


ruleorder: adopt > train
ruleorder: adopt > transfer


use rule train as train_round with:
    input:
        features=lambda w: results(f"features/{of_round(w).config.training.dataset}.h5"),
    output:
        model=results("rounds/{round}/base.safetensors"),
    log:
        log_of("train/{round}"),
    benchmark:
        benchmark_of("train/{round}")
    params:
        network=slice_of(cfg.network),
        training=lambda w: campaign.schedule_of(of_round(w).config.training),
        determined_by=lambda w: of_round(w).determined.base_model(),
        seed=seed_for(cfg.seed, "train"),
        format_version=3,
    message:
        "Training, round {wildcards.round}"


use rule transfer as transfer_round with:
    input:
        model=results("rounds/{round}/base.safetensors"),
        features=lambda w: results(f"features/{of_round(w).config.transfer.dataset}.h5"),
    output:
        model=results("rounds/{round}/transferred.safetensors"),
        calibrated=results("rounds/{round}/calibrated.safetensors"),
    log:
        log_of("transfer/{round}"),
    benchmark:
        benchmark_of("transfer/{round}")
    params:
        transfer=lambda w: campaign.schedule_of(of_round(w).config.transfer),
        determined_by=lambda w: of_round(w).determined.transferred_model(),
        seed=seed_for(cfg.seed, "transfer"),
        format_version=3,
    message:
        "Transferring to the larger cells, round {wildcards.round}"


use rule evaluate as evaluate_round with:
    input:
        base=results("rounds/{round}/calibrated.safetensors"),
        transferred=results("rounds/{round}/transferred.safetensors"),
        snapshots=lambda w: campaign.densities_of(w.dataset),
    output:
        errors=results("rounds/{round}/{dataset}.json"),
        picture=results("rounds/{round}/errors-{dataset}.png"),
    log:
        log_of("evaluate/{round}/{dataset}"),
    benchmark:
        benchmark_of("evaluate/{round}/{dataset}")
    params:
        options=campaign.evaluation_params(),
        determined_by=lambda w: of_round(w).determined.evaluation(w.dataset),
        format_version=2,
    message:
        "Measuring errors on dataset {wildcards.dataset}, round {wildcards.round}"


checkpoint judge:
    input:
        errors=expand(
            results("rounds/{{round}}/{dataset}.json"), dataset=cfg.evaluation
        ),
        densities=lambda w: of_round(w).all_densities(),
        trajectories=lambda w: [
            campaign.run_of(*run) for run in of_round(w).moving_runs()
        ],
        before=verdict_before,
        study=campaign.study_results()[:1],
    output:
        verdict=results("rounds/{round}.json"),
        picture=report(
            results("rounds/{round}.png"),
            category="Rounds",
            labels={"round": "{round}"},
            caption="../docs/captions/rounds.rst",
        ),
    log:
        log_of("judge/{round}"),
    benchmark:
        benchmark_of("judge/{round}")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
        tasks=1,
    params:
        goal=slice_of(cfg.goal),
        trained_on=[part.trained_on() for part in campaign.rounds],
        added_like=lambda w: campaign.like_added(int(w.round)),
        added_dynamics=lambda w: campaign.dynamics_like_added(int(w.round)),
        format_version=2,
    message:
        "Judging round {wildcards.round}"
    script:
        "../scripts/judge.py"


rule adopt:
    input:
        base=lambda w: results(f"rounds/{reached(w)}/base.safetensors"),
        calibrated=lambda w: results(f"rounds/{reached(w)}/calibrated.safetensors"),
        transferred=lambda w: results(f"rounds/{reached(w)}/transferred.safetensors"),
    output:
        base=results(f"models/{cfg.name}/base.safetensors"),
        calibrated=results(f"models/{cfg.name}/calibrated.safetensors"),
        transferred=results(f"models/{cfg.name}/transferred.safetensors"),
    log:
        log_of("adopt"),
    benchmark:
        benchmark_of("adopt")
    conda:
        "../envs/rhocast.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        tasks=1,
    params:
        determined_by={
            "base": campaign.determined.base_model(),
            "calibrated": campaign.determined.transferred_model(),
            "transferred": campaign.determined.transferred_model(),
        },
        format_version=2,
    message:
        "Taking the models of the last round"
    script:
        "../scripts/adopt.py"
