"""What one job costs, and all jobs of a rule."""

from dataclasses import dataclass

#: Memory of a job with torch and other libraries, besides its data, bytes.
BYTES_OF_JOB = 350_000_000


@dataclass(frozen=True)
class Job:
    """One job: core seconds, bytes of memory (all ranks together) and bytes left on disk."""

    seconds: float
    memory: float = BYTES_OF_JOB
    disk: float = 0.0


@dataclass(frozen=True)
class Stage:
    """All jobs of one rule.

    Attributes
    ----------
    name
        Of the rule.
    jobs
        How many.
    core_hours
        Wall time times cores given to a job, of all of them.
    longest_core_hours
        Of the one that takes longest; divide by its ranks for the wall time.
    memory_gb
        Of the largest, GB.
    disk_gb
        What all of them leave, GB.
    """

    name: str
    jobs: int
    core_hours: float
    longest_core_hours: float
    memory_gb: float
    disk_gb: float

    @classmethod
    def of(cls, name: str, jobs: list[Job]) -> "Stage":
        """Add up jobs."""
        return cls(
            name,
            len(jobs),
            sum(job.seconds for job in jobs) / 3600.0,
            max(job.seconds for job in jobs) / 3600.0,
            max(job.memory for job in jobs) / 1e9,
            sum(job.disk for job in jobs) / 1e9,
        )
