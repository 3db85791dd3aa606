"""Measure what data are worth, for one seed."""

from pathlib import Path

import torch

from rhocast.cli.job import job
from rhocast.config import Recipe, Transfer
from rhocast.studies.economy import Economy
from rhocast.studies.table import write_rows

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    small, larger, judges = (
        [Path(path) for path in snakemake.input[name]] for name in ("small", "larger", "judges")
    )
    study = Economy(
        Recipe.model_validate(snakemake.params.recipe),
        Transfer.model_validate(snakemake.params.transfer),
        judges,
        snakemake.params.seed,
    )
    write_rows(snakemake.output.table, study.measure(small, larger))
