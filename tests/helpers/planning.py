"""Planning with Snakemake in this process: which jobs a configuration would run."""

import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import h5py
import numpy as np
import yaml
from safetensors.numpy import save_file
from snakemake.api import SnakemakeApi
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    OutputSettings,
    Quietness,
    ResourceSettings,
)

from rhocast.structures import Structure, write_structure
from rhocast.workflow.stamps import with_stamp, write_stamp

SNAKEFILE = Path(__file__).parents[2] / "Snakefile"


def planned(folder: Path, config: dict, **settings: Any) -> set[str]:
    """Return the jobs that a configuration would run in a folder, as ``rule wildcard …``.

    Parameters
    ----------
    folder
        Where results and Snakemake's own records are.
    config
        The configuration.
    settings
        Of Snakemake's job graph, such as ``rerun_triggers``.
    """
    dag = _executed(folder, config, "dryrun", **settings)
    return {_name(job) for job in dag.jobs if dag.finished(job) and not job.rule.norun}


def outputs(folder: Path, config: dict) -> set[str]:
    """Return the files that a configuration would make in an empty folder."""
    dag = _executed(folder, config, "dryrun", forceall=True)
    return {str(path) for job in dag.jobs for path in job.output}


def rules_of(jobs: set[str]) -> set[str]:
    """Return the rules of jobs."""
    return {job.split()[0] for job in jobs}


def finish(folder: Path, config: dict, *arguments: str, **settings: Any) -> None:
    """Pretend that what a configuration would run has been run.

    The outputs are stubs that carry the stamps of their jobs; Snakemake's records are made by its
    own `--touch`. Temporary files are removed.
    """
    dag = _executed(folder, config, "dryrun", *arguments, **settings)
    jobs = [job for job in dag.jobs if dag.finished(job)]
    for job in jobs:
        determinants = job.params.get("determined_by")
        if isinstance(determinants, str):
            determinants = json.loads(determinants)
        for path in map(Path, job.output):
            _stub(folder / path, determinants, int(job.params.get("frames") or 1))
    _executed(folder, config, "touch", *arguments, **settings)


def _stub(path: Path, determinants: dict | None, frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if path.suffix == ".extxyz":
        atom = Structure(np.zeros((1, 3)), 9.0 * np.eye(3), np.array([14]))
        write_structure(path, with_stamp(atom, determinants, frames=frames))
        return
    if path.suffix == ".h5":
        h5py.File(path, "w").close()
    elif path.suffix == ".safetensors":
        save_file({"weight": np.zeros(1)}, path)
    else:
        path.write_text('{"name": "abinit"}' if path.suffix == ".json" else "column\n")
    if determinants is not None and path.suffix in (".h5", ".safetensors", ".json", ".tsv"):
        write_stamp(path, determinants)


def _executed(folder: Path, config: dict, how: str, *arguments: str, **settings: Any) -> Any:
    file = folder / "my.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    with (
        patch.object(sys, "argv", ["snakemake", *arguments]),
        SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, dryrun=how == "dryrun")) as api,
    ):
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[file]),
            snakefile=SNAKEFILE,
            workdir=folder,
        )
        workflow.dag(DAGSettings(**settings)).execute_workflow(executor=how)
        return workflow._workflow.dag


def _name(job: Any) -> str:
    return " ".join([job.rule.name, *(str(value) for value in job.wildcards)])
