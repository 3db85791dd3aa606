"""Write the summary of the whole run."""

from rhocast.analysis.summary import write_summary
from rhocast.cli.job import job
from rhocast.config import Convergence

with job(snakemake.log[0]):
    criteria = snakemake.params.criteria
    write_summary(
        snakemake.output.summary,
        engine=next(iter(snakemake.input.engine), None),
        snapshots=snakemake.input.snapshots,
        errors=snakemake.input.errors,
        worst=snakemake.input.worst,
        rest=snakemake.input.rest,
        fields=snakemake.input.fields,
        transferred=snakemake.input.transferred,
        study=next(iter(snakemake.input.study), None),
        verdict=next(iter(snakemake.input.verdict), None),
        unmeasured=snakemake.params.unmeasured,
        criteria=None if criteria is None else Convergence.model_validate(criteria),
    )
