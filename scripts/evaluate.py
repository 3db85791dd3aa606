"""Measure and draw the errors of both models on held-out snapshots."""

import torch

from rhocast.analysis.evaluation import compare_models
from rhocast.cli.job import job
from rhocast.workflow.stamps import write_stamp

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    compare_models(
        {"base": snakemake.input.base, "transferred": snakemake.input.transferred},
        snakemake.input.snapshots,
        errors=snakemake.output.errors,
        picture=snakemake.output.picture,
        **snakemake.params.options,
    )
    write_stamp(snakemake.output.errors, snakemake.params.determined_by)
