"""Rhocast: electron densities of millions of atoms from DFT of small cells.

`snakemake --profile profiles/local` runs the demo of config.yaml on this machine,
`snakemake --profile slurm --configfile my.yaml` a campaign of your own on a cluster.
"""

import atexit
import os
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from rhocast.config import parse_config, seed_for
from rhocast.errors import RhocastError
from rhocast.files import owned
from rhocast.workflow.campaign import Campaign, slice_of
from rhocast.workflow.slurm import check_slurm
from rhocast.workflow.judged import constraint, standing_results

min_version("9.1")


report: "docs/captions/campaign.rst"


# A configuration named on the command line stands for itself; nothing of the demo leaks in.
if not workflow.config_settings.configfiles:

    configfile: "config.yaml"


config_files = workflow.config_settings.configfiles or ["config.yaml"]

try:
    cfg = parse_config(config, config_files)
    campaign = Campaign(cfg, config_files[0])
    # A process that runs one job has its outputs to make, whatever stands.
    standing = standing_results(campaign, sys.argv) if workflow.is_main_process else {}
except RhocastError as error:
    raise WorkflowError(f"the configuration holds a fault\n{error}") from None

results, log_of, benchmark_of = campaign.results, campaign.log_of, campaign.benchmark_of

# Jobs find `rhocast` beside the Python that runs Snakemake, unless their own environment
# (conda, a module) brings one.
shell.prefix(f"export PATH=$PATH:{shlex.quote(str(Path(sys.executable).parent))}; ")


# Containers run as root, which Open MPI refuses unless it is told twice.
for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
    os.environ.setdefault(name, "1")


wildcard_constraints:
    system="|".join(cfg.systems),
    cell="|".join(cfg.systems),
    dataset="|".join(cfg.datasets),
    temperature="|".join(
        sorted({str(t) for name in cfg.datasets for _, t in cfg.trajectories(name)})
    ),
    frame=r"\d+",
    shard=r"\d+",


include: "rules/common.smk"
include: "rules/structures.smk"
include: "rules/dft.smk"
include: "rules/datasets.smk"


if cfg.convergence:

    include: "rules/convergence.smk"


include: "rules/learning.smk"
include: "rules/inference.smk"
include: "rules/analysis.smk"
include: "rules/publication.smk"


if cfg.goal:

    include: "rules/rounds.smk"


include: "rules/physics.smk"
include: "rules/studies.smk"
include: "rules/benchmark.smk"


running = ExitStack()
atexit.register(running.close)


# Snakemake's own lock holds within one working directory. Ours keeps the results to one run,
# wherever the other was started; it does not wait, because the graph of jobs is drawn by now.
# A missing Slurm is told once, instead of by each job.
onstart:
    try:
        if "executor_plugin_slurm" in type(workflow.executor_settings).__module__:
            check_slurm()
        running.enter_context(owned(results("campaign"), wait=False))
    except RhocastError as error:
        raise WorkflowError(str(error)) from None


rule all:
    default_target: True
    input:
        finished,


rule studies:
    input:
        campaign.study_pictures(),


rule physics:
    input:
        physics_pictures,


rule dataset:
    input:
        expand("data/{package}/MANIFEST.json", package=cfg.packages),
