"""Judge the single points of the convergence study."""

import sys
from pathlib import Path

from rhocast.analysis.convergence_report import report_study
from rhocast.cli.job import job
from rhocast.config import Convergence, Dft
from rhocast.errors import ConfigError

with job(snakemake.log[0]):
    study = Convergence.model_validate(snakemake.params.study)
    coarse = report_study(
        study,
        Dft.model_validate(snakemake.params.dft),
        {Path(path).stem: path for path in snakemake.input.points},
        table=snakemake.output.table,
        picture=snakemake.output.picture,
        recommended=snakemake.output.recommended,
    )
    if coarse and study.require:
        raise ConfigError("; ".join(coarse) + "; convergence.require: true stops here")
    sys.stderr.writelines(f"WARNING: {sentence}\n" for sentence in coarse)
