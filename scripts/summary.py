"""Write the summary of the whole run."""

from rhocast.analysis.summary import write_summary
from rhocast.cli.job import job

with job(snakemake.log[0]):
    write_summary(
        snakemake.output.summary,
        engine=next(iter(snakemake.input.engine), None),
        snapshots=snakemake.input.snapshots,
        errors=snakemake.input.errors,
        worst=snakemake.input.worst,
        rest=snakemake.input.rest,
        fields=snakemake.input.fields,
        study=next(iter(snakemake.input.study), None),
        verdict=next(iter(snakemake.input.verdict), None),
        unmeasured=snakemake.params.unmeasured,
    )
