"""Judge the single points of the convergence study."""

from pathlib import Path

from rhocast.analysis.convergence_report import report_study
from rhocast.cli.job import job
from rhocast.config import Convergence, Dft

with job(snakemake.log[0]):
    report_study(
        Convergence.model_validate(snakemake.params.study),
        Dft.model_validate(snakemake.params.dft),
        {Path(path).stem: path for path in snakemake.input.points},
        table=snakemake.output.table,
        picture=snakemake.output.picture,
        recommended=snakemake.output.recommended,
    )
