"""A throw-away Slurm cluster of two nodes for tests.

:func:`slurm_cluster` starts ``munged``, ``slurmctld`` and two ``slurmd`` on the loopback
interface, with every file they need below one directory, and stops them again. It is a
real Slurm: jobs are queued, scheduled and run, only accounting and confinement
(control groups) are switched off, so that neither a database nor systemd is needed.

The daemons have to run as root, because ``slurmd`` starts jobs on behalf of users.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from slurm_configuration import (
    NODES,
    munge_socket,
    munged_options,
    prepare_directory,
    write_configuration,
)

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("munge", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")

START_TIMEOUT = 120.0
CANCEL_TIMEOUT = 60.0
STOP_TIMEOUT = 60.0
POLL_INTERVAL = 0.1
LOG_LINES = 30


class SlurmClusterError(RuntimeError):
    """The cluster could not be started, or died; the message holds the logs."""


@dataclass
class SlurmCluster:
    """A running cluster.

    Parameters
    ----------
    directory : Path
        Directory with the configuration, state, logs and sockets.
    environment : dict of str to str
        Variables which client commands (``sbatch``, ``squeue``, ...) need, to be added
        to those of the calling process.
    processes : dict of str to subprocess.Popen
        The daemons by name.
    """

    directory: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def run(self, *command: str, timeout: float = 60.0) -> subprocess.CompletedProcess:
        """Run a client command on the cluster.

        Parameters
        ----------
        *command : str
            Program and arguments.
        timeout : float
            Seconds after which the command is given up.

        Returns
        -------
        subprocess.CompletedProcess
            The finished command with captured text output; a failure or a timeout is
            reported by a return code other than zero.
        """
        environment = os.environ | self.environment
        try:
            return subprocess.run(
                command,
                env=environment,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"no answer in {timeout} s")

    def log(self, daemon: str) -> Path:
        """Return the path of the log file of a daemon."""
        return self.directory / f"{daemon}.log"

    def logs(self) -> str:
        """Return the last lines of all log files as text."""
        parts = []
        for daemon in self.processes:
            path = self.log(daemon)
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            parts.append("\n".join([f"--- {daemon} ---", *lines[-LOG_LINES:]]))
        return "\n".join(parts)


def why_slurm_cannot_run() -> str | None:
    """Say why a cluster cannot be started here.

    Returns
    -------
    str or None
        A reason, fit for ``pytest.skip``, or None if nothing speaks against it.
    """
    missing = [name for name in DAEMONS + CLIENTS if find_program(name) is None]
    if missing:
        return f"Slurm is not installed: no {', '.join(missing)}"
    if os.geteuid() != 0:
        return "slurmd has to be started by root"
    return None


def find_program(name: str) -> str | None:
    """Return the path of a program, looked up as root would, or None."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])
    return shutil.which(name, path=path)


@contextlib.contextmanager
def slurm_cluster(
    directory: Path, cpus: int = 2, timeout: float = START_TIMEOUT
) -> Iterator[SlurmCluster]:
    """Run a cluster of two nodes for the duration of a ``with`` block.

    Parameters
    ----------
    directory : Path
        Empty or not yet existing directory for all files of the cluster. Its absolute
        path has to be short, because it holds Unix sockets.
    cpus : int
        Number of cores which each node offers, whether the machine has as many or not.
    timeout : float
        Seconds which each of the start-up phases may take.

    Yields
    ------
    SlurmCluster
        The cluster, with its nodes idle. Jobs which are left at the end of the block are
        cancelled.

    Raises
    ------
    SlurmClusterError
        If a daemon dies or the nodes do not become idle in time.
    ValueError
        If `directory` is unsuitable.
    """
    directory = prepare_directory(directory)
    configuration = write_configuration(directory, cpus)
    cluster = SlurmCluster(directory, client_environment(configuration))
    try:
        start(cluster, timeout)
        yield cluster
    finally:
        stop(cluster)


def client_environment(configuration: Path) -> dict[str, str]:
    """Return the variables for client commands and for the jobs that they submit.

    Jobs run as root, which Open MPI's launchers refuse unless told otherwise.
    """
    return {
        "SLURM_CONF": str(configuration),
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_ALLOW_RUN_AS_ROOT": "1",
        "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }


def start(cluster: SlurmCluster, timeout: float) -> None:
    """Start the daemons one after the other, each when the one before it answers."""
    socket_path = str(munge_socket(cluster.directory))

    def munge_answers() -> bool:
        return cluster.run("munge", "--no-input", "--socket", socket_path).returncode == 0

    def controller_answers() -> bool:
        return cluster.run("scontrol", "ping").returncode == 0

    def nodes_are_idle() -> bool:
        states = cluster.run("sinfo", "--noheader", "--Node", "--format=%N %T").stdout
        return set(states.splitlines()) == {f"{node} idle" for node in NODES}

    start_daemon(cluster, "munged", *munged_options(cluster.directory))
    wait_until(cluster, munge_answers, "munged to answer", timeout)
    start_daemon(cluster, "slurmctld", "-D", "-c")
    wait_until(cluster, controller_answers, "slurmctld to answer", timeout)
    for node in NODES:
        start_daemon(cluster, "slurmd", "-D", "-N", node, log=f"slurmd-{node}")
    wait_until(cluster, nodes_are_idle, "the nodes to become idle", timeout)


def start_daemon(cluster: SlurmCluster, name: str, *options: str, log: str = "") -> None:
    """Start a daemon in the foreground, in a session of its own, with a log file.

    In a session of its own an interrupt from the keyboard does not reach it, so that
    it is still there to cancel jobs when the interrupted test cleans up.
    """
    with cluster.log(log or name).open("wb") as file:
        cluster.processes[log or name] = subprocess.Popen(
            [find_program(name) or name, *options],
            env=os.environ | cluster.environment,
            cwd=cluster.directory,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until(
    cluster: SlurmCluster, condition: Callable[[], bool], what: str, timeout: float
) -> None:
    """Wait for a condition as long as all daemons live.

    Parameters
    ----------
    cluster : SlurmCluster
        The cluster whose daemons are watched.
    condition : callable
        Called without arguments until it returns true.
    what : str
        Description of the condition for the error message.
    timeout : float
        Seconds to wait at most.

    Raises
    ------
    SlurmClusterError
        If a daemon has ended or the time is up.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        for name, process in cluster.processes.items():
            if process.poll() is not None:
                message = f"{name} ended with code {process.returncode}"
                raise SlurmClusterError(f"{message}\n{cluster.logs()}")
        if time.monotonic() > deadline:
            message = f"gave up waiting for {what} after {timeout:g} s"
            raise SlurmClusterError(f"{message}\n{cluster.logs()}")
        time.sleep(POLL_INTERVAL)


def stop(cluster: SlurmCluster) -> None:
    """Cancel what is left of jobs and stop the daemons, the last one first."""
    try:
        if f"slurmd-{NODES[0]}" in cluster.processes:
            cancel_jobs(cluster)
    finally:
        for process in reversed(cluster.processes.values()):
            stop_process(process)


def cancel_jobs(cluster: SlurmCluster) -> None:
    """Cancel all jobs and wait for their processes to end, but not for ever.

    Job steps outlive ``slurmd``, so this has to come before it is stopped.
    """
    jobs = cluster.run("squeue", "--noheader", "--format=%A").stdout.split()
    if not jobs:
        return
    cluster.run("scancel", *jobs)

    def no_jobs() -> bool:
        queue = cluster.run("squeue", "--noheader", "--format=%A")
        return queue.returncode == 0 and not queue.stdout.strip()

    with contextlib.suppress(SlurmClusterError):
        wait_until(cluster, no_jobs, "jobs to be cancelled", CANCEL_TIMEOUT)


def stop_process(process: subprocess.Popen) -> None:
    """Terminate one process, forcibly if it does not obey in time."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
