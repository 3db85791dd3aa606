"""Draw the errors of density and energy of a dataset."""

from rhocast.analysis.physics import draw_energies
from rhocast.cli.job import job
from rhocast.properties import read_energies

with job(snakemake.log[0]):
    draw_energies(read_energies([snakemake.input.table]), snakemake.output.picture)
