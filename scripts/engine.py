"""Settle the DFT engine and record it."""

from rhocast.cli.job import job
from rhocast.dft import resolve_engine

with job(snakemake.log[0]):
    resolve_engine(snakemake.params.requested, snakemake.output.engine)
