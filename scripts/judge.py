"""Judge one round of training: stop, or go on with more data."""

from rhocast.analysis.rounds import judge_round
from rhocast.cli.job import job
from rhocast.config import Goal
from rhocast.workflow.stamps import read_record

with job(snakemake.log[0]):
    judge_round(
        Goal.model_validate(snakemake.params.goal),
        int(snakemake.wildcards.round),
        errors=snakemake.input.errors,
        densities=snakemake.input.densities,
        trained_on=snakemake.params.trained_on,
        dynamics=[read_record(path) or {} for path in snakemake.input.trajectories],
        added_like=snakemake.params.added_like,
        added_dynamics=[read_record(path) or {} for path in snakemake.params.added_dynamics],
        before=next(iter(snakemake.input.before), None),
        study=next(iter(snakemake.input.study), None),
        verdict=snakemake.output.verdict,
        picture=snakemake.output.picture,
    )
