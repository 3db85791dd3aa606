"""Pack datasets for publication."""

from pathlib import Path

from rhocast.cli.job import job
from rhocast.config import Package
from rhocast.datasets.packing import pack

with job(snakemake.log[0]):
    pack(
        Path(snakemake.output.manifest).parent,
        snakemake.params.datasets,
        Package.model_validate(snakemake.params.package),
        config_file=snakemake.params.config_file,
    )
