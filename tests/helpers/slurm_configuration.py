"""What a throw-away Slurm cluster needs on disk: directories, key, ``slurm.conf``."""

import contextlib
import os
import secrets
import shutil
import socket
from pathlib import Path

#: Names of the nodes: both are this machine, each with a slurmd of its own.
NODES = ("n1", "n2")
PARTITION, URGENT = "test", "urgent"

# What the node claims to have: enough for jobs that ask for a real node's memory. Slurm
# is told to believe it and does not account for memory, so it is never used up.
NODE_MEMORY_MB = 1_000_000

# Longest path that fits into a Unix socket address (108 bytes with the terminator), and
# the longest name that Slurm appends for the socket of a job step.
SOCKET_PATH_LIMIT = 107
SOCKET_NAME_RESERVE = len(f"/spool/{NODES[0]}/{NODES[0]}_4294967295.4294967295.4294967295")


def prepare_directory(directory: Path) -> Path:
    """Create the directories and the key of a cluster.

    State, spool and key belong together: a new controller must not find jobs of an old
    one, hence nothing is reused.

    Parameters
    ----------
    directory : Path
        As for :func:`slurm_cluster`.

    Returns
    -------
    Path
        The directory as an absolute path without symbolic links.
    """
    directory = Path(directory).resolve()
    excess = len(os.fsencode(directory)) + SOCKET_NAME_RESERVE - SOCKET_PATH_LIMIT
    if excess > 0:
        message = f"path too long for sockets by {excess} characters: {directory}"
        raise ValueError(message)
    if directory.exists() and any(directory.iterdir()):
        message = f"directory for the cluster is not empty: {directory}"
        raise ValueError(message)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("munge", "state", "spool", "tmp"):
        (directory / name).mkdir(mode=0o700)
    for node in NODES:
        (directory / "spool" / node).mkdir(mode=0o700)
    key = directory / "munge" / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    return directory


def write_configuration(directory: Path, cpus: int) -> Path:
    """Write ``slurm.conf`` for two nodes on loopback.

    Parameters
    ----------
    directory : Path
        Directory made by :func:`prepare_directory`.
    cpus : int
        Number of cores of each node.

    Returns
    -------
    Path
        The configuration file.
    """
    controller_port, *node_ports = free_ports(1 + len(NODES))
    settings = {
        "ClusterName": "test",
        "SlurmctldHost": "localhost(127.0.0.1)",
        "SlurmctldPort": controller_port,
        "CommunicationParameters": "NoCtldInAddrAny,NoInAddrAny",
        "AuthType": "auth/munge",
        # A job that is put back into the queue waits until its old credential has expired.
        "AuthInfo": f"socket={munge_socket(directory)},cred_expire=5",
        "CredType": "cred/munge",
        "SlurmUser": "root",
        "SlurmdUser": "root",
        "StateSaveLocation": directory / "state",
        "SlurmdSpoolDir": directory / "spool/%n",
        "SlurmctldPidFile": directory / "slurmctld.pid",
        "SlurmdPidFile": directory / "slurmd-%n.pid",
        "TmpFS": directory / "tmp",
        "MailProg": shutil.which("true"),
        # Run without control groups and without a database.
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/none",
        "AccountingStorageType": "accounting_storage/none",
        # Finished jobs have to stay visible to squeue, for want of sacct.
        "MinJobAge": 300,
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core",
        # As by default. Were it pmix, mpirun of an MPI without PMIx (MPICH) would find traces
        # of it and refuse to start. With srun the interface has to be named: --mpi=pmix.
        "MpiDefault": "none",
        # Be quick, and take back a node whatever it has been through.
        "SchedulerParameters": "batch_sched_delay=0,sched_min_interval=0",
        # A busy machine needs time to end a job in order.
        "KillWait": 60,
        # Jobs of the urgent partition take the place of others, which wait and begin again.
        "PreemptType": "preempt/partition_prio",
        "PreemptMode": "REQUEUE",
        "JobRequeue": 1,
        "ReturnToService": 2,
        "SlurmdParameters": "config_overrides",
    }
    nodes = [
        f"NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} "
        f"CPUs={cpus} Sockets=1 CoresPerSocket={cpus} ThreadsPerCore=1 "
        f"RealMemory={NODE_MEMORY_MB}"
        for node, port in zip(NODES, node_ports, strict=True)
    ]
    everywhere = ",".join(NODES)
    partitions = [
        f"PartitionName={PARTITION} Nodes={everywhere} Default=YES MaxTime=INFINITE State=UP "
        "PriorityTier=1 PreemptMode=REQUEUE",
        f"PartitionName={URGENT} Nodes={everywhere} MaxTime=INFINITE State=UP PriorityTier=2",
    ]
    lines = [f"{name}={value}" for name, value in settings.items()]
    path = directory / "slurm.conf"
    path.write_text("\n".join([*lines, *nodes, *partitions, ""]))
    return path


def munge_socket(directory: Path) -> Path:
    """Return the path of the socket of ``munged``."""
    return directory / "munge" / "munge.socket"


def free_ports(count: int) -> list[int]:
    """Return distinct TCP ports which are free on loopback at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]


def munged_options(directory: Path) -> list[str]:
    """Return the command line options of ``munged``.

    It refuses a socket below a directory that other users cannot enter, which private
    temporary directories are. Nobody but root uses this socket: ``--force`` turns the
    refusal into a warning.
    """
    munge = directory / "munge"
    return [
        "--foreground",
        "--force",
        f"--key-file={munge / 'munge.key'}",
        f"--socket={munge_socket(directory)}",
        f"--pid-file={munge / 'munged.pid'}",
        f"--seed-file={munge / 'munged.seed'}",
        f"--log-file={munge / 'unused.log'}",
        "--num-threads=2",
    ]
