"""Build one cell of the configuration."""

from rhocast.cli.job import job
from rhocast.config import System
from rhocast.structures import build_system, write_structure
from rhocast.workflow.stamps import with_stamp

with job(snakemake.log[0]):
    params = snakemake.params
    structure = build_system(
        System.model_validate(params.system), params.debye_temperature_K, params.seed
    )
    write_structure(snakemake.output.structure, with_stamp(structure, params.determined_by))
