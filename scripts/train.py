"""Train the base model on the small cells."""

import torch

from rhocast.cli.job import job
from rhocast.config import Network, Training
from rhocast.learning import checkpoint_of, train
from rhocast.workflow.stamps import write_stamp

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    model = train(
        snakemake.input.features,
        network=Network.model_validate(snakemake.params.network),
        training=Training.model_validate(snakemake.params.training),
        seed=snakemake.params.seed,
        checkpoint=checkpoint_of(snakemake.output.model),
        device=snakemake.resources.device,
    )
    model.save(snakemake.output.model)
    write_stamp(snakemake.output.model, snakemake.params.determined_by)
