"""Settle the DFT engine and record it."""

from rhocast.cli.job import job
from rhocast.engines import resolve_engine, write_engine_record

with job(snakemake.log[0]):
    requested = snakemake.config["dft"].get("engine", "auto")
    write_engine_record(snakemake.output.engine, resolve_engine(requested))
