"""Measure one point of the descriptor's study."""

from pathlib import Path

import torch

from rhocast.cli.job import job
from rhocast.config import Recipe
from rhocast.studies.descriptor_sizes import measure_point

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    measure_point(
        Recipe.model_validate(snakemake.params.recipe),
        [Path(path) for path in snakemake.input.snapshots],
        seeds=snakemake.params.seeds,
        seed=snakemake.params.seed,
        out=Path(snakemake.output.point),
    )
