"""Draw bands and densities of states of a cell."""

from rhocast.analysis.band_picture import draw_bands
from rhocast.cli.job import job
from rhocast.properties import read_bands

with job(snakemake.log[0]):
    draw_bands(read_bands(snakemake.input.bands), snakemake.output.picture)
