"""Transfer the base model to the larger cells, and calibrate its error bars with them."""

import torch

from rhocast.cli.job import job
from rhocast.config import Transfer
from rhocast.learning import calibrate_on_other_cells, checkpoint_of, transfer
from rhocast.model import DensityModel
from rhocast.workflow.stamps import write_stamp

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    base, features = DensityModel.load(snakemake.input.model), snakemake.input.features
    model = transfer(
        base,
        features,
        transfer=Transfer.model_validate(snakemake.params.transfer),
        seed=snakemake.params.seed,
        checkpoint=checkpoint_of(snakemake.output.model),
        device=snakemake.resources.device,
    )
    model.save(snakemake.output.model)
    calibrate_on_other_cells(base, features).save(snakemake.output.calibrated)
    for path in snakemake.output:
        write_stamp(path, snakemake.params.determined_by)
