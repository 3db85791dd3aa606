"""Put the seeds of the study of data together: a table, a picture."""

from rhocast.cli.job import job
from rhocast.studies.economy import Row, draw_economy
from rhocast.studies.table import read_rows, write_rows

with job(snakemake.log[0]):
    rows = [row for path in snakemake.input.tables for row in read_rows(path, Row)]
    write_rows(snakemake.output.table, rows)
    draw_economy(rows, snakemake.output.picture)
