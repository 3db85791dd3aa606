"""Draw DFT, prediction and difference of the held-out snapshot with the largest error."""

from rhocast.analysis.worst_snapshot import draw_worst_snapshot
from rhocast.cli.job import job

with job(snakemake.log[0]):
    draw_worst_snapshot(
        snakemake.input.model,
        snakemake.input.snapshots,
        snakemake.input.errors,
        snakemake.output.picture,
        snakemake.input.deciding,
    )
