"""Merge the shards of a cell into one field, scaled to its electrons."""

from rhocast.cli.job import job
from rhocast.inference import merge
from rhocast.workflow.stamps import write_stamp

with job(snakemake.log[0]):
    merge(snakemake.input.shards, snakemake.output.density)
    write_stamp(snakemake.output.density, snakemake.params.determined_by)
