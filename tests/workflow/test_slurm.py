"""The workflow and its ranks on a real Slurm of two nodes, which these tests start and stop."""

import os
import re
import shutil
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase.build import bulk
from slurm_cluster import slurm_cluster, why_slurm_cannot_run

pytestmark = [pytest.mark.slurm, pytest.mark.mpi, pytest.mark.workflow]

RHOCAST = Path(sys.executable).with_name("rhocast")


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
    assert len(set(submitted)) == 10
    # structure, 2 features, train, transfer, evaluate, choose, 2 predict, merge
    with h5py.File(tmp_path / target) as file:
        voxel = abs(np.linalg.det(file["cell"])) / file["density"].size
        assert file["density"][()].sum() * voxel == pytest.approx(63 * 4, rel=1e-6)
    assert (tmp_path / "results/predictions/si64/shard-0.h5").exists() is False
    assert os.environ.get("SLURM_CONF") is None


@pytest.fixture(scope="module")
def whole(cluster, tmp_path_factory):
    """A field that one process has predicted, undisturbed, and the words of its prediction."""
    folder = tmp_path_factory.mktemp("field")
    bulk("Al", cubic=True).repeat((5, 5, 5)).write(folder / "al.xyz")
    words = [
        str(RHOCAST), "predict", "al", str(folder / "al.xyz"),
        "--mesh-spacing-bohr", "0.25", "--direct", "-o",
    ]  # fmt: skip
    finished = cluster.run(*words, str(folder / "whole.h5"), timeout=240)
    assert finished.returncode == 0, finished.stderr
    return folder / "whole.h5", words


def assert_same(path, whole):
    with h5py.File(path) as file, h5py.File(whole) as undisturbed:
        np.testing.assert_array_equal(file["density"][()], undisturbed["density"][()])
    assert [other.name for other in path.parent.glob(f"{path.name}*")] == [path.name]


def test_ranks_on_two_nodes_share_a_prediction(cluster, launcher, whole, tmp_path):
    undisturbed, words = whole
    told_node = 'echo node $SLURMD_NODENAME; exec "$@"'
    done = cluster.run(
        "salloc", "-N2", "-n2", *launcher, "-n", "2", "bash", "-c", told_node, "rank",
        *words, str(tmp_path / "out.h5"), "--ranks", "2", timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(re.findall(r"node (\w+)", done.stdout)) == ["n1", "n2"]
    assert_same(tmp_path / "out.h5", undisturbed)


def test_srun_without_pmi_is_told_in_a_sentence(cluster, whole, tmp_path):
    _, words = whole
    done = cluster.run(
        "srun", "-N2", "-n2", "--mpi=none", *words, str(tmp_path / "out.h5"), timeout=240
    )
    assert done.returncode == 7
    assert "srun has started these ranks without PMI" in done.stderr
    assert "MPI_ERRORS_ARE_FATAL" not in done.stderr
    assert not any(tmp_path.iterdir())


def submit(cluster, *words, timeout=60.0):
    done = cluster.run("sbatch", "--parsable", *words, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_for(condition, seconds=240.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_job_that_is_preempted_or_cancelled_goes_on(cluster, whole, tmp_path):
    undisturbed, words = whole
    out, journal, log = tmp_path / "out.h5", tmp_path / "out.h5.shard.journal", tmp_path / "log"
    job = "--requeue", "-N2", "--exclusive", "--open-mode=append", f"--output={log}", "--wrap"
    command = f"exec srun -N1 -n1 --mpi=none {' '.join(words)} {out}"

    def state():
        words = "--noheader", "--states=all", "--format=%T", f"--jobs={first}"
        return cluster.run("squeue", *words).stdout.strip()

    first = submit(cluster, *job, command)
    wait_for(lambda: journal.exists() and len(journal.read_text().splitlines()) > 1)
    cluster.run("scancel", "--signal=STOP", first)  # it does not end before it is preempted
    submit(cluster, "--partition=urgent", "-N2", "--exclusive", "--output=/dev/null", "--wait",
           "--wrap", "true", timeout=240.0)  # fmt: skip
    wait_for(lambda: state() == "RUNNING")
    cluster.run("scancel", first)
    wait_for(lambda: state() in ("CANCELLED", "COMPLETED"))
    submit(cluster, *job, command)
    wait_for(lambda: [path.name for path in tmp_path.glob("out.h5*")] == ["out.h5"])
    told = log.read_text()
    assert "Traceback" not in told
    assert "ended by SIGTERM" in told
    assert_same(out, undisturbed)


@pytest.mark.exhaustive
def test_a_job_goes_on_when_its_node_goes_down(cluster, whole, tmp_path):
    undisturbed, words = whole
    out, journal, log = tmp_path / "out.h5", tmp_path / "out.h5.shard.journal", tmp_path / "log"
    command = f"echo on $SLURMD_NODENAME; exec srun -n1 --mpi=none {' '.join(words)} {out}"
    job = submit(
        cluster, "--requeue", "-N1", "--exclusive", "--open-mode=append", f"--output={log}",
        "--wrap", command,
    )  # fmt: skip
    wait_for(lambda: journal.exists() and len(journal.read_text().splitlines()) > 1)
    cluster.run("scancel", "--signal=STOP", job)  # it does not end before its node is down
    first = cluster.run("squeue", "--noheader", "--format=%N", f"--jobs={job}").stdout.strip()
    try:
        cluster.run("scontrol", "update", f"nodename={first}", "state=down", "reason=test")
        wait_for(lambda: [path.name for path in tmp_path.glob("out.h5*")] == ["out.h5"])
    finally:
        cluster.run("scontrol", "update", f"nodename={first}", "state=resume")
    told = log.read_text()
    assert len(re.findall(r"^on n[12]$", told, re.MULTILINE)) == 2, told
    assert "Traceback" not in told
    assert_same(out, undisturbed)


@pytest.mark.exhaustive
def test_two_hundred_small_jobs_leave_no_orphan(cluster, tmp_path):
    job = submit(
        cluster, "--array=0-199", "-n1", f"--output={tmp_path}/%a.log",
        "--wrap", f"{RHOCAST} --version",
    )  # fmt: skip

    def ended():
        queue = cluster.run("squeue", "--noheader", "--format=%T", f"--jobs={job}")
        return queue.returncode == 0 and not {"RUNNING", "PENDING", "COMPLETING"} & {
            *queue.stdout.split()
        }

    wait_for(ended, 1200.0)
    logs = [tmp_path / f"{number}.log" for number in range(200)]
    assert all(log.read_text().startswith("rhocast ") for log in logs)
    environments = (path.read_bytes() for path in map(environment_of, processes()) if path)
    assert not any(f"SLURM_ARRAY_JOB_ID={job}\0".encode() in text for text in environments)


def processes():
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]


def environment_of(process):
    path = process / "environ"
    try:
        path.read_bytes()
    except OSError:  # it has ended meanwhile
        return None
    return path
