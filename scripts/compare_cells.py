"""Compare cell sizes by their densities and features."""

from pathlib import Path

from rhocast.cli.job import job
from rhocast.config import parse_descriptor
from rhocast.studies.cell_sizes import compare_cells, draw_cells
from rhocast.studies.table import write_rows

with job(snakemake.log[0]):
    params = snakemake.params
    rows = compare_cells(
        [Path(path) for path in [*snakemake.input.snapshots, *snakemake.input.frames]],
        parse_descriptor(params.descriptor),
        params.species,
    )
    write_rows(snakemake.output.table, rows)
    draw_cells(rows, snakemake.output.picture)
