"""Merge the shards of a cell into one field, scaled to its electrons."""

from rhocast.cli.job import job
from rhocast.inference import merge

with job(snakemake.log[0]):
    merge(snakemake.input.shards, snakemake.output.density)
