"""The workflow's part without DFT, on a real Slurm that this test starts and stops."""

import os
import re
import shutil

import h5py
import numpy as np
import pytest
from slurm_cluster import slurm_cluster, why_slurm_cannot_run

pytestmark = [pytest.mark.slurm, pytest.mark.mpi, pytest.mark.workflow]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if reason := why_slurm_cannot_run():
        pytest.skip(reason)
    with slurm_cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def test_training_and_prediction_through_slurm(run, root, cluster, tmp_path):
    """Plain rules and 2-rank MPI rules, submitted by `--profile slurm`."""
    shutil.copytree(root / "tests/data/densities", tmp_path / "results/densities")
    (tmp_path / "slurm").symlink_to(root / "profiles/slurm")
    target = "results/predictions/si64/density.h5"
    result = run(
        "snakemake", target, "--profile", "slurm", "--snakefile", root / "Snakefile",
        "--configfile", root / "tests/data/tiny.yaml", "--directory", tmp_path,
        "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1",
        "--latency-wait", "5", "--retries", "0",
        cwd=tmp_path, **cluster.environment,
    )  # fmt: skip
    logs = "\n".join(path.read_text() for path in (tmp_path / "results/logs").rglob("*.log"))
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}\n{logs}\n{cluster.logs()}"
    submitted = re.findall(r"SLURM jobid (\d+)", result.stdout + result.stderr)
    assert len(set(submitted)) == 8  # structure, 2 features, train, transfer, 2 predict, merge
    with h5py.File(tmp_path / target) as file:
        voxel = abs(np.linalg.det(file["cell"])) / file["density"].size
        assert file["density"][()].sum() * voxel == pytest.approx(63 * 4, rel=1e-6)
    assert (tmp_path / "results/predictions/si64/shard-0.h5").exists() is False
    assert os.environ.get("SLURM_CONF") is None
