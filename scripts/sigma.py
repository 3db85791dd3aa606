"""Measure σ in ever larger cells."""

import torch

from rhocast.cli.job import job
from rhocast.config import System
from rhocast.model import DensityModel
from rhocast.studies.sigma import draw_sigma, sigma_by_size
from rhocast.studies.table import write_rows

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    cell = System.model_validate(snakemake.params.cell)
    rows = sigma_by_size(
        DensityModel.load(snakemake.input.model),
        cell,
        debye_temperature_K=snakemake.params.debye_temperature_K,
        max_atoms=snakemake.params.max_atoms,
        seed=snakemake.params.seed,
    )
    write_rows(snakemake.output.table, rows)
    draw_sigma(rows, cell.temperature_K, snakemake.output.picture)
