"""Draw slices of a predicted field."""

from rhocast.analysis.figures import draw_field
from rhocast.cli.job import job

with job(snakemake.log[0]):
    draw_field(snakemake.input.density, snakemake.output.picture)
