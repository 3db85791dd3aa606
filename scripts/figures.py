"""Draw a predicted field: planes, around the largest void, in three dimensions, distributions."""

from rhocast.analysis.around import draw_defect
from rhocast.analysis.histogram import draw_histograms
from rhocast.analysis.plots import draw_field
from rhocast.analysis.render import draw_render
from rhocast.cli.job import job
from rhocast.density import open_density

with job(snakemake.log[0]):
    field = snakemake.input.density
    draw_field(field, snakemake.output.picture)
    draw_render(field, snakemake.output.render)
    draw_histograms([field], snakemake.output.histogram)
    with open_density(field) as density:
        draw_defect(density, snakemake.output.void)
