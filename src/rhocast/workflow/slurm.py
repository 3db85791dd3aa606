"""A check that Slurm is there, before jobs are submitted."""

import subprocess

from rhocast.errors import RhocastError

#: Within this a controller answers, s.
_PATIENCE = 60.0


def check_slurm() -> None:
    """Raise RhocastError if Slurm is not installed here or does not answer."""
    remedy = (
        "start Snakemake on a login node of a cluster, or run on this machine: --profile "
        "profiles/local"
    )
    try:
        answer = subprocess.run(
            ["sinfo", "--noheader"], capture_output=True, text=True, timeout=_PATIENCE
        )
        told = [line for line in answer.stderr.splitlines() if line.strip()]
        found = f"does not answer ({''.join(told[-1:])})" if answer.returncode else ""
    except FileNotFoundError:
        found = "is not installed"
    except subprocess.TimeoutExpired:
        found = f"does not answer within {_PATIENCE:g} s"
    if found:
        raise RhocastError(f"--profile slurm: Slurm {found}; {remedy}")
