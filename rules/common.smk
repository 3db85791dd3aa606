"""What rules ask of a campaign: how far it has come to its goal, and what is there at the end."""

import json


def reached(wildcards):
    """Return the number of the last round; Snakemake asks again when a round has been judged."""
    for number in range(1, len(campaign.rounds) + 1):
        judged = checkpoints.judge.get(round=number)
        with open(judged.output.verdict, encoding="utf-8") as file:
            if json.load(file)["stop"]:
                break
    return number


def of_round(wildcards):
    """Return the campaign of a round."""
    return campaign.rounds[int(wildcards.round) - 1]


def verdict_before(wildcards):
    """Return the verdict of the round before; nothing of the first one."""
    before = int(wildcards.round) - 1
    return [results(f"rounds/{before}.json")] if before else []


def wanted(wildcards):
    """Return the campaign as far as its goal needs it: as many rounds, or all there is."""
    return campaign.rounds[reached(wildcards) - 1] if cfg.goal else campaign


def verdict_of(wildcards):
    """Return the verdict of the last round; nothing without a goal."""
    return [results(f"rounds/{reached(wildcards)}.json")] if cfg.goal else []


def finished(wildcards):
    """Return what a finished campaign has made."""
    return [
        results("summary.txt"),
        *wanted(wildcards).kept(),
        *campaign.study_results(),
        *wanted(wildcards).run_pictures(),
        *expand(results("figures/errors-{dataset}.png"), dataset=cfg.evaluation),
        *expand(results("figures/{cell}.png"), cell=cfg.prediction.cells),
        *expand(results("predictions/{cell}/density.h5"), cell=cfg.prediction.cells),
    ]


def physics_pictures(_):
    """Return the pictures of the rule `physics`, which the configuration has to ask for."""
    if not (pictures := campaign.physics_pictures()):
        raise WorkflowError(
            "physics: the configuration has none of the sections energies, equation_of_state and "
            "bands, which name what is to be computed (docs/physics.md)"
        )
    return pictures
