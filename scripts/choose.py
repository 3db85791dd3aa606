"""Choose the model that predicts the cells: that of the smaller held-out error."""

import logging
import shutil

from rhocast.analysis.verdict import better, describe_transfer, read_errors
from rhocast.cli.job import job
from rhocast.workflow.stamps import write_stamp

with job(snakemake.log[0]):
    reports = read_errors(snakemake.input.errors)
    logging.getLogger("rhocast").info("%s", describe_transfer(reports))
    shutil.copyfile(snakemake.input[better(reports)], snakemake.output.model)
    write_stamp(snakemake.output.model, snakemake.params.determined_by)
