"""Write the RO-Crate of a finished campaign."""

from rhocast.cli.job import job
from rhocast.workflow.crate import write_crate

with job(snakemake.log[0]):
    write_crate(
        snakemake.params.folder,
        name=snakemake.params.name,
        licences=snakemake.params.licences,
        trained_on=snakemake.params.trained_on,
        configuration=snakemake.params.configuration,
    )
