"""Write the RO-Crate of a finished campaign."""

from pathlib import Path

from rhocast.cli.job import job
from rhocast.workflow.crate import write_crate

with job(snakemake.log[0]):
    write_crate(
        Path(snakemake.output.metadata).parent,
        name=snakemake.params.name,
        licences=snakemake.params.licences,
        trained_on=snakemake.params.trained_on,
        configuration=snakemake.params.configuration,
        snakemake=snakemake.params.snakemake,
    )
