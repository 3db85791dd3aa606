"""Transfer the base model to the larger cells."""

import torch

from rhocast.cli.job import job
from rhocast.config import Transfer
from rhocast.learning import checkpoint_of, transfer
from rhocast.model import DensityModel
from rhocast.workflow.stamps import write_stamp

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    model = transfer(
        DensityModel.load(snakemake.input.model),
        snakemake.input.features,
        transfer=Transfer.model_validate(snakemake.params.transfer),
        seed=snakemake.params.seed,
        checkpoint=checkpoint_of(snakemake.output.model),
        device=snakemake.resources.device,
    )
    model.save(snakemake.output.model)
    write_stamp(snakemake.output.model, snakemake.params.determined_by)
