"""Judge the points of the descriptor's study."""

from pathlib import Path

from rhocast.cli.job import job
from rhocast.config import Recipe, Studies
from rhocast.studies.descriptor_sizes import report_descriptors

with job(snakemake.log[0]):
    report_descriptors(
        Studies.model_validate(snakemake.params.studies),
        Recipe.model_validate(snakemake.params.recipe),
        {Path(path).stem: path for path in snakemake.input.points},
        table=snakemake.output.table,
        picture=snakemake.output.picture,
        recommended=snakemake.output.recommended,
    )
