"""Take the models of the last round for those of the campaign."""

import shutil

from rhocast.cli.job import job
from rhocast.workflow.stamps import write_stamp

with job(snakemake.log[0]):
    for name in ("base", "calibrated", "transferred"):
        shutil.copyfile(snakemake.input[name], snakemake.output[name])
        write_stamp(snakemake.output[name], snakemake.params.determined_by[name])
