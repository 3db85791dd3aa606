"""Train without and with a vacancy, and look around others."""

from pathlib import Path

import torch

from rhocast.cli.job import job
from rhocast.config import Recipe
from rhocast.studies.table import write_rows
from rhocast.studies.vacancy import add_vacancy, draw_vacancy, vacancy_rows

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    around = add_vacancy(
        Recipe.model_validate(snakemake.params.recipe),
        [Path(path) for path in snakemake.input.snapshots],
        Path(snakemake.input.added),
        [Path(path) for path in snakemake.input.judges],
        snakemake.params.seed,
        snakemake.params.seeds,
    )
    write_rows(snakemake.output.table, vacancy_rows(around))
    draw_vacancy(around, snakemake.output.picture)
